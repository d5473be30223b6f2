/** What a saved picture remembers, and how much of it is put back into the form. */
import { incomingRecord } from '../incoming.ts';
import { type RestoreMode, differences, restored } from '../logic/restore.ts';
import { openedModel } from '../model.ts';
import { draft, mode, setDraft } from '../state.ts';
import { DialogFrame, closeDialog } from './dialog_frame.tsx';

export function RestoreDialog() {
  const record = incomingRecord.value;
  if (!record) return null;
  const opened = openedModel();
  const warnings = opened ? differences(record, opened.identity, opened.adapter) : [];
  const put = (how: RestoreMode) => {
    setDraft(restored(draft.value, record, how));
    mode.value = 'make';
    closeDialog();
  };
  const rows: readonly (readonly [string, string | number])[] = [
    ['Seed', record.seed],
    ['Size', record.imageSize.join('×')],
    ['Iterations', record.iterations],
    ['Guidance', `${record.guidance}, ${record.guidanceSchedule}`],
    ['Guidance prompt', record.guidancePrompt.slice(0, 400)],
    ['Temperature', record.temperature],
    ['Timesteps', record.timesteps],
    ['Model', record.model.name.slice(0, 100)],
    ['Adapter', record.adapter.slice(0, 200)],
  ];
  return (
    <DialogFrame title="Use its settings">
      <p class="quote">{record.prompt.slice(0, 1000)}</p>
      {warnings.map((text) => (
        <p class="warning" role="note" key={text}>
          {text}
        </p>
      ))}
      <dl class="facts">
        {rows.map(([name, value]) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>{value}</dd>
          </div>
        ))}
      </dl>
      <div class="dialog-actions">
        <button type="button" class="quiet" onClick={() => put('seed')}>
          The seed alone
        </button>
        <button type="button" class="quiet" onClick={() => put('all-but-seed')}>
          All but the seed
        </button>
        <button type="button" class="primary" onClick={() => put('everything')}>
          Everything
        </button>
      </div>
    </DialogFrame>
  );
}
