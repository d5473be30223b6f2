/** What a run found, as tables for people. */
import { type Column, digits, table } from '../node/cli/columns.ts';
import { type BenchRecord, type Phase, type Row, fastestPeer } from './record.ts';
import { type Verdict, verdicts } from './targets.ts';

export const percent = (share: number): string => `${digits(100 * share)}%`;

const times = (ratio: number): string => `${digits(ratio)}×`;

const peersOf = (rows: readonly Row[]) => [
  ...new Set(rows.flatMap((r) => [...Object.keys(r.peers), ...Object.keys(r.failed)])),
];

/** The ops, one line a shape, and below it one for each variant that was timed beside it. With peers, their calls stand beside ours. */
export function opTable(measured: readonly Row[]): string {
  const peers = peersOf(measured);
  const rows = measured.flatMap((row) => [row, ...variantRows(row)]);
  const own: Column<Row>[] = [
    { head: 'op', align: 'left', text: (r) => r.op },
    { head: 'shape', align: 'left', text: (r) => r.shape },
    { head: 'ms', text: (r) => digits(r.ms) },
    { head: 'GFLOP/s', text: (r) => digits(r.gflops) },
    { head: 'GB/s', text: (r) => digits(r.gbps) },
    { head: 'bound', align: 'left', text: (r) => r.bound },
    { head: 'share', text: (r) => percent(r.share) },
    { head: 'compile ms', text: (r) => digits(r.compile) },
    { head: 'call ms', text: (r) => digits(r.call) },
  ];
  const theirs = peers.map((name): Column<Row> => ({
    head: name,
    text: (r) => (name in r.peers ? digits(r.peers[name]) : name in r.failed ? 'fails' : '–'),
  }));
  const ratio: Column<Row> = {
    head: 'ratio',
    text: (r) => (fastestPeer(r) ? times(fastestPeer(r)!.ms / r.call) : '–'),
  };
  const form: Column<Row> = { head: 'form', align: 'left', text: (r) => r.variant };
  return table(rows, [...own, ...(peers.length > 0 ? [...theirs, ratio] : []), form]);
}

/** The variants of a row as rows of the table: what they did not measure is a dash. */
function variantRows(row: Row): Row[] {
  const none = { ms: NaN, gflops: NaN, gbps: NaN, share: NaN, compile: NaN };
  return Object.entries(row.variants ?? {}).map(([name, found]) => {
    const own =
      'error' in found
        ? { ...none, variant: `fails: ${found.error}` }
        : { ...found, gflops: (row.gflops * row.ms) / found.ms, gbps: (row.gbps * row.ms) / found.ms };
    return { ...row, op: '', shape: `  ${name}`, call: NaN, peers: {}, failed: {}, ...own };
  });
}

/** Targets and what they fare like, one line a measure. */
export const targetTable = (record: BenchRecord): string => table(verdicts(record), targetColumns);

export const targetColumns: readonly Column<Verdict>[] = [
  { head: 'target', align: 'left', text: (v) => v.what },
  { head: 'at least', text: (v) => amount(v, v.least) },
  { head: 'worst', text: (v) => amount(v, v.worst) },
  { head: 'measure', align: 'left', text: (v) => v.measure },
  { head: 'met', align: 'left', text: (v) => (v.met ? 'yes' : 'no') },
  { head: 'worst at', align: 'left', text: (v) => v.shape },
];

const amount = ({ measure }: Verdict, value: number): string =>
  measure === 'GB/s' ? digits(value) : measure === 'times the fastest peer' ? times(value) : percent(value);

/** Why peers have no time, one line each. */
export const failures = (rows: readonly Row[]): string[] =>
  rows.flatMap((r) => Object.entries(r.failed).map(([name, why]) => `${name}, ${r.op} ${r.shape}: ${why}`));

/** The adapter's rates in words, one line each. */
export function calibrationLines({ calibration: c, clock }: BenchRecord): string[] {
  const gflops = (value: number | undefined, unit = 'GFLOP/s') =>
    value === undefined ? 'none' : `${digits(value)} ${unit}`;
  return [
    `multiply-add   f32 ${gflops(c.f32)}, f16 ${gflops(c.f16)}, packed integer dot ${gflops(c.dot4, 'GOP/s')}`,
    `copy           ${digits(c.copy)} GB/s, by a kernel ${digits(c.kernelCopy)} GB/s (read and written)`,
    `launch         ${digits(c.dispatch)} µs a dispatch, ${digits(c.submit)} ms a submit until its end is known`,
    `clock          ${clock}`,
  ];
}

/** A phase in words, then its passes. */
export function phaseLines(phase: Phase): string[] {
  const { seconds, iteration, firstToken, tokensPerSecond } = phase;
  const facts = [
    `${digits(seconds)} s`,
    iteration !== undefined && `${digits(iteration)} s an iteration`,
    firstToken !== undefined && `${digits(firstToken)} s to the first token`,
    tokensPerSecond !== undefined && `${digits(tokensPerSecond)} tokens/s`,
    `${phase.dispatches} dispatches`,
    phase.host && `${digits(phase.host.encode)} µs to encode one`,
    phase.host && `${phase.host.submits} submits of ${digits(phase.host.submit)} ms`,
    `${digits(phase.first)} s the first time`,
  ];
  const passes = passesOf(phase);
  const lines = table(passes, [
    { head: '  pass', align: 'left', text: (p) => `  ${p.pass}` },
    { head: 'dispatches', text: (p) => String(p.dispatches) },
    { head: 'device ms', text: (p) => (p.ms === undefined ? '–' : digits(p.ms)) },
    { head: 'most of it in', align: 'left', text: (p) => p.kernels },
  ]);
  return [`${phase.task} ${phase.what}: ${facts.filter(Boolean).join(', ')}`, lines];
}

export interface Pass {
  readonly pass: string;
  readonly dispatches: number;
  readonly ms: number | undefined;
  /** The three that take longest. */
  readonly kernels: string;
}

/** The passes of a phase, longest first. */
export function passesOf({ passes }: Phase): Pass[] {
  const names = [...new Set(passes.map((p) => p.pass))];
  return names
    .map((pass) => {
      const own = passes.filter((p) => p.pass === pass);
      const timed = own.every((p) => p.ms !== undefined);
      return {
        pass,
        dispatches: own.reduce((sum, p) => sum + p.dispatches, 0),
        ms: timed ? own.reduce((sum, p) => sum + p.ms!, 0) : undefined,
        kernels: own
          .slice(0, 3)
          .map((p) => `${p.kernel}${p.ms === undefined ? '' : ` ${digits(p.ms)}`}`)
          .join(', '),
      };
    })
    .sort((a, b) => (b.ms ?? b.dispatches) - (a.ms ?? a.dispatches));
}
