/** The words for a picture and what makes it; everything else is folded away below. */
import { Dices, SlidersHorizontal, Sparkles, TableProperties } from 'lucide';
import { useRef } from 'preact/hooks';
import { editJob, editorSays } from '../editor.ts';
import { LONGEST_PROMPT, sizePresets } from '../logic/settings.ts';
import { enqueue, randomSeed } from '../queue_runner.ts';
import { config, dialog, draft, editing, setDraft, work } from '../state.ts';
import { Icon, IconButton } from './icon.tsx';
import { SettingsForm } from './settings_form.tsx';

/** Makes what the form says: a picture, or with the editor open the marked part of one. */
export function make(): void {
  if (!editing.value) return enqueue();
  const edit = editJob();
  if (edit) enqueue({ edit });
}

export function PromptBar() {
  const details = useRef<HTMLDetailsElement>(null);
  const { prompt, seed, width, height } = draft.value;
  const open = editing.value;
  return (
    <form
      class="prompt-bar"
      aria-label="Make a picture"
      onSubmit={(event) => {
        event.preventDefault();
        make();
      }}
    >
      <div class="prompt-box">
        <label class="hidden" for="prompt">
          Prompt
        </label>
        <textarea
          id="prompt"
          rows={2}
          maxLength={LONGEST_PROMPT}
          placeholder={open ? 'What shall be there instead?' : 'What shall the picture show?'}
          value={prompt}
          onInput={(event) => setDraft({ prompt: event.currentTarget.value })}
        />
        <div class="prompt-row">
          <select
            class="chip"
            aria-label="Size"
            disabled={open}
            value={`${width}x${height}`}
            onChange={(event) => {
              const [across, down] = event.currentTarget.value.split('x').map(Number);
              setDraft({ width: across, height: down });
            }}
          >
            {sizes(width, height).map(({ name, width: w, height: h }) => (
              <option key={`${w}x${h}`} value={`${w}x${h}`}>
                {name} {w}×{h}
              </option>
            ))}
          </select>
          <label class="chip seed">
            <span>Seed</span>
            <input
              type="text"
              inputMode="numeric"
              aria-label="Seed"
              placeholder="any"
              value={seed ?? ''}
              onChange={(event) => {
                const text = event.currentTarget.value.trim();
                setDraft({ seed: /^\d+$/.test(text) ? Number(text) : undefined });
              }}
            />
          </label>
          <IconButton of={Dices} name="Draw a seed" onClick={() => setDraft({ seed: randomSeed() })} />
          <span class="grow" />
          {!open && (
            <IconButton of={TableProperties} name="Sheet over two settings" onClick={() => (dialog.value = 'sheet')} />
          )}
          <IconButton
            of={SlidersHorizontal}
            name="All settings"
            onClick={() => details.current && (details.current.open = !details.current.open)}
          />
          <button type="submit" class="primary" aria-keyshortcuts="Control+Enter">
            <Icon of={Sparkles} size={16} />
            {open ? editorSays.value : work.value ? 'Add to queue' : 'Make'}
          </button>
        </div>
      </div>
      <details class="settings" ref={details}>
        <summary>All settings</summary>
        <SettingsForm />
      </details>
    </form>
  );
}

/** The presets, and the size that is set where it is none of them. */
function sizes(width: number, height: number) {
  const presets = sizePresets(config.value.mar.nativeImageSize);
  const known = presets.some((preset) => preset.width === width && preset.height === height);
  return known ? presets : [...presets, { name: 'Own', width, height }];
}
