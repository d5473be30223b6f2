/** What happened, at the lower edge, with the way back where there is one. It goes by itself, but for what went wrong or is waited for. */
import { X } from 'lucide';
import { useEffect } from 'preact/hooks';
import { notice } from '../state.ts';
import { IconButton } from './icon.tsx';

const SHOWN_FOR = 12_000;

export function NoticeBar() {
  const now = notice.value;
  const close = () => (notice.value = undefined);
  useEffect(() => {
    if (!now || now.problem || now.hurry) return undefined;
    const timer = setTimeout(() => {
      if (notice.value === now) close();
    }, SHOWN_FOR);
    return () => clearTimeout(timer);
  }, [now]);
  return (
    <div class="notice-place" role="status" aria-live="polite">
      {now && (
        <div class={now.problem ? 'notice problem' : 'notice'} data-testid="notice">
          <span>
            {now.problem ? <strong>{now.problem.title}. </strong> : null}
            {now.problem ? now.problem.text : now.text}
          </span>
          {now.undo && (
            <button
              type="button"
              class="quiet"
              onClick={() => {
                close();
                void now.undo?.();
              }}
            >
              Undo
            </button>
          )}
          {now.instead && (
            <button
              type="button"
              class="quiet"
              onClick={() => {
                close();
                now.instead?.run();
              }}
            >
              {now.instead.name}
            </button>
          )}
          {now.hurry && (
            <button type="button" class="quiet" onClick={() => void now.hurry?.()}>
              Try now
            </button>
          )}
          <IconButton of={X} name="Close the notice" onClick={close} />
        </div>
      )}
    </div>
  );
}
