/** The report: one HTML file with everything in it, no script, nothing fetched. */
import { phasePlot, peersPlot, rooflinePlot, sharesPlot } from './plots.ts';
import { type BenchRecord, type Row, fastestPeer } from './record.ts';
import { digits } from '../node/cli/columns.ts';
import { calibrationLines, failures, passesOf, percent, targetColumns } from './table.ts';
import { verdicts } from './targets.ts';

/** The page of a record. */
export function reportPage(record: BenchRecord): string {
  const { rows, phases, adapter, driver, machine, measured, versions } = record;
  const peers = [...new Set(rows.flatMap((r) => [...Object.keys(r.peers), ...Object.keys(r.failed)]))];
  const facts: [string, string][] = [
    ['Adapter', adapter],
    ['Driver', driver],
    ['Machine', machine],
    ['Measured', measured],
    [
      'Versions',
      Object.entries(versions)
        .map(([name, version]) => `${name} ${version}`)
        .join(', '),
    ],
  ];
  const sections = [
    `<h1>Overtone, measured</h1>${factTable(facts)}`,
    `<h2>What the adapter can do</h2><pre>${escaped(calibrationLines(record).join('\n'))}</pre>`,
    ...(phases.length > 0 ? [phaseSection(record)] : []),
    ...(rows.length > 0 ? [rowSections(rows, record, peers)] : []),
  ];
  return `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>Overtone on ${escaped(adapter)}</title>
<style>${STYLE}</style>
<body>
${sections.join('\n')}
</body>
</html>
`;
}

function phaseSection({ phases, memory }: BenchRecord): string {
  const parts = phases.map((phase) => {
    const facts: [string, string][] = [
      [
        'From request to result',
        `${digits(phase.seconds)} s; the first time, with kernels to compile, ${digits(phase.first)} s`,
      ],
    ];
    if (phase.iteration !== undefined) facts.push(['An iteration', `${digits(phase.iteration)} s`]);
    if (phase.firstToken !== undefined) facts.push(['First token', `${digits(phase.firstToken)} s`]);
    if (phase.tokensPerSecond !== undefined) facts.push(['Then', `${digits(phase.tokensPerSecond)} tokens/s`]);
    facts.push(['Dispatches', String(phase.dispatches)]);
    const passes = passesOf(phase).map((p) => [p.pass, String(p.dispatches), p.ms === undefined ? '–' : digits(p.ms)]);
    return `<h3>${escaped(phase.task)}, ${escaped(phase.what)}</h3>${factTable(facts)}
<figure>${phasePlot(phase)}</figure>
${dataTable(['pass', 'dispatches', 'device ms'], passes, ['pass'])}`;
  });
  const held = memory ? `It held at most ${digits(memory.peak / 1e6)} MB on the device. ` : '';
  const how =
    'Times on the device are from one more run, with timestamps around every dispatch, which cost time themselves.';
  return `<h2>The model's tasks</h2><p>${held}${how}</p>${parts.join('\n')}`;
}

function rowSections(rows: readonly Row[], record: BenchRecord, peers: readonly string[]): string {
  const heads = ['op', 'shape', 'ms', 'GFLOP/s', 'GB/s', 'bound', 'share', 'compile ms', 'call ms', ...peers];
  const ratio = peers.length > 0 ? ['ratio'] : [];
  const cells = rows.map((r) => [
    r.op,
    r.shape,
    digits(r.ms),
    digits(r.gflops),
    digits(r.gbps),
    r.bound,
    percent(r.share),
    digits(r.compile),
    digits(r.call),
    ...peers.map((name) => (name in r.peers ? digits(r.peers[name]) : name in r.failed ? 'fails' : '–')),
    ...(ratio.length > 0 ? [fastestPeer(r) ? `${digits(fastestPeer(r)!.ms / r.call)}×` : '–'] : []),
    r.variant,
  ]);
  const targets = verdicts(record);
  const targetHeads = targetColumns.map((c) => c.head);
  const targetCells = targets.map((v) => targetColumns.map((c) => c.text(v)));
  const wrong = failures(rows);
  const compared = peersPlot(rows);
  return [
    `<h2>Under the roof</h2><p>Each dot is an op at one of Harmon's sizes. Time on the device, by ${record.clock}; the roof was measured on this adapter.</p><figure>${rooflinePlot(record)}</figure>`,
    `<h2>How near the bound</h2><figure>${sharesPlot(rows)}</figure>`,
    compared &&
      `<h2>Beside the other engines</h2><p>One call until its result is on the host, for all alike, in turns; results agree.</p><figure>${compared}</figure>`,
    targets.length > 0 &&
      `<h2>Targets</h2>${dataTable(targetHeads, targetCells, ['target', 'measure', 'met', 'worst at'])}`,
    `<h2>Every row</h2><div class="wide">${dataTable([...heads, ...ratio, 'form'], cells, ['op', 'shape', 'bound', 'form'])}</div>`,
    ...Object.entries(record.refused ?? {}).map(([what, why]) => `<p>Not measured: ${escaped(`${what}: ${why}`)}</p>`),
    wrong.length > 0 &&
      `<h3>What peers cannot do here</h3><ul>${wrong.map((line) => `<li>${escaped(line)}</li>`).join('')}</ul>`,
  ]
    .filter(Boolean)
    .join('\n');
}

const factTable = (facts: readonly [string, string][]) =>
  `<table class="facts">${facts.map(([name, value]) => `<tr><th>${escaped(name)}</th><td>${escaped(value)}</td></tr>`).join('')}</table>`;

/** Columns named in `words` hold words, the others numbers. */
const dataTable = (heads: readonly string[], rows: readonly (readonly string[])[], words: readonly string[]) => {
  const cell = (tag: string) => (text: string, i: number) =>
    `<${tag}${words.includes(heads[i]) ? ' class="word"' : ''}>${escaped(text)}</${tag}>`;
  const line = (tag: string, cells: readonly string[]) => `<tr>${cells.map(cell(tag)).join('')}</tr>`;
  return `<table class="data"><thead>${line('th', heads)}</thead><tbody>${rows.map((row) => line('td', row)).join('')}</tbody></table>`;
};

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };
const escaped = (text: string): string => text.replace(/[&<>"]/g, (c) => ENTITIES[c]);

const STYLE = `
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
h1 { margin-bottom: .5rem; } h2 { margin-top: 2.5rem; } h3 { margin-bottom: .25rem; }
figure { margin: .5rem 0 1rem; overflow-x: auto; }
table { border-collapse: collapse; font-variant-numeric: tabular-nums; }
.facts th { text-align: left; font-weight: 600; padding: .1rem 1.5rem .1rem 0; vertical-align: top; white-space: nowrap; }
.wide { overflow-x: auto; width: min(96vw, 90rem); margin-left: calc(50% - min(48vw, 45rem)); }
.data { font-size: 13px; }
.data th, .data td { padding: .15rem .6rem; text-align: right; white-space: nowrap; border-bottom: 1px solid color-mix(in srgb, currentColor 15%, transparent); }
.data .word { text-align: left; }
pre { font-size: 13px; overflow-x: auto; }
`;
