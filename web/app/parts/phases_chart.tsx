/** Milliseconds of each phase of the last runs, as bars by uPlot, which is loaded when the panel is first opened; the same in words below. */
import { useEffect, useRef } from 'preact/hooks';
import type { Timings } from '../../index.ts';

const HEIGHT = 160;

export function PhasesChart({ timings }: { timings: Timings }) {
  const place = useRef<HTMLDivElement>(null);
  const rows = Object.entries(timings).flatMap(([task, phases]) =>
    Object.entries(phases).map(([phase, ms]) => ({ name: `${task}: ${phase}`, ms })),
  );
  const key = JSON.stringify(rows);
  useEffect(() => {
    const element = place.current;
    if (!element || rows.length === 0) return undefined;
    let gone = false;
    let chart: { destroy(): void } | undefined;
    void import('./bars.ts').then(({ bars }) => {
      if (!gone) chart = bars(element, rows, HEIGHT);
    });
    return () => {
      gone = true;
      chart?.destroy();
    };
  }, [key]);
  if (rows.length === 0) return <p class="empty">Nothing has run yet.</p>;
  return (
    <>
      <div ref={place} class="chart" aria-hidden="true" />
      <dl class="facts">
        {rows.map(({ name, ms }, i) => (
          <div key={name}>
            <dt>
              {i + 1} {name}
            </dt>
            <dd>{ms < 1000 ? `${Math.round(ms)} ms` : `${(ms / 1000).toFixed(1)} s`}</dd>
          </div>
        ))}
      </dl>
    </>
  );
}
