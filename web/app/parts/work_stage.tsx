/** The job at work: its pictures as they are, the squares still to make, how far it is and how long it takes, and the way to stop. */
import { X } from 'lucide';
import { bytesText } from '../logic/bytes_text.ts';
import { clock } from '../logic/remaining.ts';
import { cancelJob } from '../queue_runner.ts';
import { type Work, timeLeft, work } from '../state.ts';
import { Icon } from './icon.tsx';
import { PictureCanvas } from './picture_canvas.tsx';

export function WorkStage() {
  const now = work.value;
  if (!now) return null;
  const { settings } = now.job;
  const number = Math.max(1, now.masked.length);
  const label = `Picture in the making: ${settings.prompt.slice(0, 200)}`;
  return (
    <section class="work" aria-label="At work">
      <div class="work-pictures" data-count={number}>
        {Array.from({ length: number }, (_, i) => (
          <PictureCanvas
            key={i}
            picture={now.pictures[i]}
            masked={now.masked[i]}
            grid={now.grid}
            width={settings.width}
            height={settings.height}
            label={label}
          />
        ))}
      </div>
      <div class="work-line">
        <progress aria-label="Iterations done" value={now.done} max={now.total} />
        <span class="work-words" role="status" data-testid="work-status">
          {statusOf(now)}
        </span>
        <button type="button" class="quiet" onClick={() => cancelJob(now.job.id)}>
          <Icon of={X} size={16} /> Cancel
        </button>
      </div>
    </section>
  );
}

function statusOf({ done, total, loaded }: Work): string {
  if (loaded) return `Loading weights, ${bytesText(loaded.loadedBytes)} of ${bytesText(loaded.totalBytes)}`;
  if (done === 0) return 'Starting';
  const left = timeLeft.value;
  return `Iteration ${done} of ${total}${left === undefined ? '' : ` · ${clock(left)} left`}`;
}
