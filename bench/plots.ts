/** The report's plots, drawn by Observable Plot into static SVG. */
import * as Plot from '@observablehq/plot';
import { parseHTML } from 'linkedom';
import { type BenchRecord, type Phase, type Row, fastestPeer } from './record.ts';
import { digits } from '../node/cli/columns.ts';
import { percent } from './table.ts';

const { document } = parseHTML('<!doctype html><html><body></body></html>');

/** Text and lines take the page's colour; titles of marks are what a reader sees who points at them. */
const base = { document, style: { background: 'none', fontSize: '12px', overflow: 'visible' }, width: 920 } as const;
const OURS = '#3565c8';
/** Room for an axis label below its ticks. */
const LABELLED = { marginBottom: 44, insetBottom: 4 } as const;
/** Colours of kernels and ops: as many as a legend can bear. */
const COLOURS = [
  ...['#4e79a7', '#f28e2c', '#e15759', '#76b7b2', '#59a14f', '#edc949', '#af7aa1', '#ff9da7', '#9c755f', '#888888'],
  ...['#1b3a5c', '#a35200', '#8b1a1d', '#2c6b66', '#1f5c17', '#8a6d00', '#6b2f5e', '#b3476b', '#4b3325', '#3b8fd9'],
];

const svg = (options: Plot.PlotOptions): string =>
  (Plot.plot({ ...base, ...options }) as unknown as { outerHTML: string }).outerHTML;

/** GFLOP/s over FLOP a byte, under what the adapter can do. */
export function rooflinePlot({ rows, calibration }: BenchRecord): string {
  const bandwidth = calibration.kernelCopy;
  const points = rows
    .filter((r) => r.gflops > 0 && r.gbps > 0)
    .map((r) => ({
      ...r,
      intensity: r.gflops / r.gbps,
      title: `${r.op} ${r.shape}\n${digits(r.gflops)} GFLOP/s, ${percent(r.share)} of its bound`,
    }));
  if (points.length === 0) return '';
  const xs = points.map((p) => p.intensity);
  const [low, high] = [Math.min(...xs, 0.1) / 2, Math.max(...xs, 100) * 2];
  const knee = calibration.f32 / bandwidth;
  const roof = [low, knee, high].map((x) => ({ x, y: Math.min(calibration.f32, bandwidth * x) }));
  const least = Math.min(...points.map((p) => p.gflops)) / 2;
  return svg({
    ...LABELLED,
    height: 440,
    marginLeft: 56,
    grid: true,
    x: { type: 'log', domain: [low, high], label: 'FLOP a byte', labelOffset: 36, tickFormat: plainNumber },
    y: {
      type: 'log',
      domain: [Math.min(least, bandwidth * low), calibration.f32 * 1.6],
      label: 'GFLOP/s',
      tickFormat: plainNumber,
    },
    color: { legend: true, range: COLOURS },
    marks: [
      Plot.line(roof, { x: 'x', y: 'y', stroke: 'currentColor', strokeWidth: 1.5 }),
      Plot.text([{ x: high, y: calibration.f32 }], {
        x: 'x',
        y: 'y',
        text: () => `${digits(calibration.f32)} GFLOP/s f32`,
        textAnchor: 'end',
        dy: -8,
      }),
      Plot.text([{ x: Math.sqrt(low * knee), y: bandwidth * Math.sqrt(low * knee) }], {
        x: 'x',
        y: 'y',
        text: () => `${digits(bandwidth)} GB/s`,
        textAnchor: 'end',
        dx: -8,
        dy: -6,
      }),
      Plot.dot(points, { x: 'intensity', y: 'gflops', fill: 'op', fillOpacity: 0.75, r: 4, title: 'title' }),
    ],
  });
}

/** Ticks at powers of ten without an exponent. */
const plainNumber = (value: number): string => (/^1|^0\.0*1$/.test(String(value)) ? String(value) : '');

const RATIOS = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 20, 50, 100, 200, 500];

/** How many times longer a call of each peer takes than ours. */
export function peersPlot(rows: readonly Row[]): string {
  const shown = rows.filter((r) => fastestPeer(r));
  const points = shown.flatMap((r) =>
    Object.entries(r.peers).map(([peer, ms]) => ({
      peer,
      what: labelOf(r),
      ratio: ms / r.call,
      title: `${labelOf(r)}\n${peer} ${digits(ms)} ms, we ${digits(r.call)} ms: ${digits(ms / r.call)}×`,
    })),
  );
  if (points.length === 0) return '';
  const labels = shown.map(labelOf);
  const ratios = points.map((p) => p.ratio);
  const [low, high] = [Math.min(0.5, ...ratios) / 1.2, Math.max(2, ...ratios) * 1.2];
  return svg({
    height: 70 + 20 * labels.length,
    marginLeft: 16 + 7.2 * Math.max(...labels.map((label) => label.length)),
    marginTop: 36,
    grid: true,
    x: {
      type: 'log',
      axis: 'top',
      domain: [low, high],
      label: 'time of a peer’s call / of ours (right of 1: we are faster)',
      ticks: RATIOS.filter((x) => x >= low && x <= high),
      tickFormat: (x: number) => `${x}×`,
    },
    y: { domain: labels, label: null },
    color: { legend: true, scheme: 'dark2' },
    marks: [
      Plot.ruleX([1], { stroke: 'currentColor', strokeWidth: 1.5 }),
      Plot.ruleY(labels, { stroke: 'currentColor', strokeOpacity: 0.08 }),
      Plot.dot(points, { x: 'ratio', y: 'what', fill: 'peer', r: 4, title: 'title' }),
    ],
  });
}

const labelOf = ({ op, shape }: Row) => `${op} ${shape}`;

/** Share of the bound, op by op. */
export function sharesPlot(rows: readonly Row[]): string {
  if (rows.length === 0) return '';
  const points = rows.map((r) => ({ ...r, title: `${labelOf(r)}\n${percent(r.share)} of its bound (${r.bound})` }));
  return svg({
    ...LABELLED,
    height: 70 + 22 * new Set(rows.map((r) => r.op)).size,
    marginLeft: 120,
    grid: true,
    x: {
      label: 'share of the bound, %',
      labelOffset: 36,
      percent: true,
      domain: [0, Math.max(100, ...rows.map((r) => 100 * r.share))],
    },
    y: { label: null },
    color: { legend: true, domain: ['compute', 'memory', 'launch'], range: [OURS, '#d06a2c', '#888'] },
    marks: [
      Plot.ruleX([1], { stroke: 'currentColor' }),
      Plot.dot(points, { x: 'share', y: 'op', stroke: 'bound', strokeWidth: 2, r: 4, title: 'title' }),
    ],
  });
}

/** Device time of a phase by pass and kernel; nothing where the adapter has no timestamps. */
export function phasePlot({ passes }: Phase): string {
  const timed = passes.filter((p) => p.ms !== undefined && p.ms > 0);
  if (timed.length === 0) return '';
  const kernels = [...new Set(timed.map((p) => p.kernel))];
  const shown = new Set(kernels.slice(0, 9));
  const bars = timed.map((p) => ({ ...p, kernel: shown.has(p.kernel) ? p.kernel : 'others' }));
  return svg({
    ...LABELLED,
    height: 70 + 30 * new Set(timed.map((p) => p.pass)).size,
    marginLeft: 110,
    x: { label: 'milliseconds on the device', grid: true, ticks: 8, labelOffset: 36 },
    y: { label: null },
    color: { legend: true, range: COLOURS, domain: [...shown, ...(kernels.length > 9 ? ['others'] : [])] },
    marks: [
      Plot.barX(bars, {
        ...Plot.groupY({ x: 'sum' }, { x: 'ms', y: 'pass', fill: 'kernel' }),
        sort: { y: '-x' },
      }),
      Plot.ruleX([0], { stroke: 'currentColor' }),
    ],
  });
}
