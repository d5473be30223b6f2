/** How the model is: its loading in bytes, or what went wrong and what to do; nothing once it is open. */
import { bytesText } from '../logic/bytes_text.ts';
import { model, openModel } from '../model.ts';
import { dialog } from '../state.ts';

const PHASES = {
  wait: 'Another tab is loading the model',
  download: 'Loading the model',
  verify: 'Checking the model',
};

export function ModelGate() {
  const now = model.value;
  if (now.state === 'ready') return null;
  if (now.state === 'failed')
    return (
      <section class="gate failed" role="alert" data-testid="model-problem">
        <div>
          <h2>{now.problem.title}</h2>
          <p>{now.problem.text}</p>
        </div>
        <button type="button" class="primary" onClick={() => void openModel(now.source)}>
          Try again
        </button>
        <button type="button" class="quiet" onClick={() => (dialog.value = 'models')}>
          Choose another model
        </button>
      </section>
    );
  const { progress } = now;
  const words = progress
    ? `${PHASES[progress.phase]}, ${bytesText(progress.done)} of ${bytesText(progress.total)}`
    : 'Loading the model';
  return (
    <section class="gate" aria-label="Model">
      <progress
        aria-label="Bytes of the model"
        value={progress?.done}
        max={progress?.total ?? 1}
        data-testid="model-progress"
      />
      <span role="status">{words}</span>
    </section>
  );
}
