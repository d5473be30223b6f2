/** The queue: what is at work and what comes after it; each can be moved, cancelled, or tried again. */
import { ArrowDown, ArrowUp, RotateCw, X } from 'lucide';
import { moveJob, retryJob } from '../logic/queue.ts';
import { cancelAll, cancelJob } from '../queue_runner.ts';
import { jobs, work } from '../state.ts';
import { IconButton } from './icon.tsx';

export function QueueList() {
  const list = jobs.value;
  const running = work.value?.job.id;
  if (list.length === 0 || (list.length === 1 && running)) return null;
  const move = (id: string, by: number) => (jobs.value = moveJob(jobs.value, id, by, running));
  return (
    <section class="queue" aria-label="Queue">
      <header>
        <h2>Queue</h2>
        <button type="button" class="quiet" onClick={cancelAll}>
          Cancel all
        </button>
      </header>
      <ol>
        {list.map(({ id, settings, edit, sheet, failed }) => (
          <li key={id} class={id === running ? 'at-work' : undefined} data-testid="job">
            <span class="job-words">
              {settings.prompt || (edit?.variation === undefined ? 'No words' : 'Variation')}
              <small>
                {failed ??
                  [
                    id === running ? 'at work' : undefined,
                    sheet ? 'sheet' : edit ? 'edit' : `${settings.width}×${settings.height}`,
                    settings.count > 1 ? `${settings.count} pictures` : undefined,
                    `seed ${settings.seed}`,
                  ]
                    .filter(Boolean)
                    .join(' · ')}
              </small>
            </span>
            {failed !== undefined && (
              <IconButton of={RotateCw} name="Try again" onClick={() => (jobs.value = retryJob(jobs.value, id))} />
            )}
            {id !== running && (
              <>
                <IconButton of={ArrowUp} name="Earlier" onClick={() => move(id, -1)} />
                <IconButton of={ArrowDown} name="Later" onClick={() => move(id, 1)} />
              </>
            )}
            <IconButton of={X} name={id === running ? 'Cancel' : 'Remove'} onClick={() => cancelJob(id)} />
          </li>
        ))}
      </ol>
    </section>
  );
}
