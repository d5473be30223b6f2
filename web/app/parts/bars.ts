/** Bars by uPlot, in the page's colours, as wide as their place. */
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';

export function bars(
  place: HTMLElement,
  rows: readonly { readonly name: string; readonly ms: number }[],
  height: number,
): { destroy(): void } {
  const style = getComputedStyle(place); // which follows the page's colours
  const ink = () => style.color;
  const accent = () => style.getPropertyValue('--accent').trim() || ink();
  const seconds = rows.map(({ ms }) => ms / 1000);
  const axis = { stroke: ink, grid: { show: false }, ticks: { show: false }, font: `12px ${style.fontFamily}` };
  const size = () => ({ width: Math.max(200, place.clientWidth), height });
  const chart = new uPlot(
    {
      ...size(),
      legend: { show: false },
      cursor: { show: false },
      scales: {
        x: { time: false, range: [-0.6, rows.length - 0.4] },
        y: { range: (_, __, most) => [0, most * 1.1 || 1] },
      },
      axes: [
        { ...axis, splits: () => rows.map((_, i) => i), values: () => rows.map((_, i) => String(i + 1)) },
        { ...axis, size: 44, values: (_, ticks) => ticks.map((tick) => `${tick} s`) },
      ],
      series: [
        {},
        {
          stroke: accent,
          fill: accent,
          width: 0,
          points: { show: false },
          paths: uPlot.paths.bars!({ size: [0.6, 48] }),
        },
      ],
    },
    [rows.map((_, i) => i), seconds],
    place,
  );
  const watch = new ResizeObserver(() => chart.setSize(size()));
  watch.observe(place);
  const dark = matchMedia('(prefers-color-scheme: dark)');
  const recolour = () => chart.redraw();
  dark.addEventListener('change', recolour);
  return {
    destroy() {
      dark.removeEventListener('change', recolour);
      watch.disconnect();
      chart.destroy();
    },
  };
}
