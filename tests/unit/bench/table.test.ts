/** Figures as people read them. */
import { expect, it } from 'vitest';
import { digits } from '../../../node/cli/columns.ts';
import { calibrationLines, failures, opTable, passesOf, phaseLines } from '../../../bench/table.ts';
import { record, row } from './records.ts';

it('shows three digits, and zeros only where they say something', () => {
  const shown = [0, 0.00012, 0.0123, 0.5, 4.567, 10, 99.94, 99.96, 789.4, 12345.6, NaN, Infinity].map(digits);
  expect(shown).toEqual(['0', '1.2e-4', '0.0123', '0.5', '4.57', '10', '99.9', '100', '789', '12346', '–', '–']);
});

it('sets one line a row, numbers to the right', () => {
  const text = opTable([row(), row({ op: 'add', shape: '8×8', ms: 123, gflops: 0 })]);
  const [head, first, second] = text.split('\n');
  expect(head).toMatch(/^op {6}shape +ms +GFLOP\/s +GB\/s +bound +share +compile ms +call ms +form$/);
  expect(first).toMatch(/^linear +32×64×64 bf16 +2 +50 +2\.5 +compute +50% +120 +4 +linear: weight bf16$/);
  expect(second).toMatch(/^add {5}8×8 +123 +0 /);
  expect(head.indexOf('ms') + 2).toBe(second.indexOf('123') + 3);
});

it('shows peers beside our call, and the fastest of them as a ratio', () => {
  const text = opTable([
    row({ peers: { slow: 40, quick: 8 }, failed: { broken: 'its process ended with 134' } }),
    row({ peers: {}, failed: { slow: 'took over 30 s' } }),
  ]);
  const [head, first, second] = text.split('\n').map((line) => line.split(/ {2,}/));
  expect(head.slice(9)).toEqual(['slow', 'quick', 'broken', 'ratio', 'form']);
  expect(first.slice(9, 13)).toEqual(['40', '8', 'fails', '2×']);
  expect(second.slice(9, 13)).toEqual(['fails', '–', '–', '–']);
});

it('shows variants below their row, with what they have', () => {
  const variants = { rows_8: { ms: 4, share: 0.25, compile: 60, variant: 'other' }, rows_4: { error: 'too large' } };
  const [head, first, second, third] = opTable([row({ variants })]).split('\n');
  expect(first).toMatch(/^linear +32×64×64 bf16 +2 +50 +2\.5 /);
  expect(second).toMatch(/^ {2,}rows_8 +4 +25 +1\.25 +compute +25% +60 +– +other$/);
  expect(third).toMatch(/^ {2,}rows_4 +– +– +– +compute +–% +– +– +fails: too large$/);
  expect(second.indexOf('other')).toBe(head.indexOf('form'));
});

it('says why a peer has no time', () => {
  expect(failures([row({ failed: { tfjs: 'its result differs by 4e-1' } })])).toEqual([
    'tfjs, linear 32×64×64 bf16: its result differs by 4e-1',
  ]);
});

it('says what an adapter does not have', () => {
  const [rates] = calibrationLines(record());
  expect(rates).toContain('f32 100 GFLOP/s, f16 none, packed integer dot none');
});

const phase = {
  task: 'text2image',
  what: '128×128',
  first: 9,
  seconds: 3,
  iteration: 0.2,
  dispatches: 7,
  host: { encode: 12.3, submit: 0.4, submits: 2 },
  passes: [
    { pass: 'step', kernel: 'linear', dispatches: 4, ms: 8 },
    { pass: 'decode', kernel: 'conv2d', dispatches: 2, ms: 20 },
    { pass: 'step', kernel: 'layer_norm', dispatches: 1, ms: 1 },
  ],
} as const;

it('adds kernels up to passes, longest first', () => {
  expect(passesOf(phase)).toEqual([
    { pass: 'decode', dispatches: 2, ms: 20, kernels: 'conv2d 20' },
    { pass: 'step', dispatches: 5, ms: 9, kernels: 'linear 8, layer_norm 1' },
  ]);
  expect(phaseLines(phase)[0]).toBe(
    'text2image 128×128: 3 s, 0.2 s an iteration, 7 dispatches, 12.3 µs to encode one, 2 submits of 0.4 ms, 9 s the first time',
  );
});

it('counts dispatches where there are no times', () => {
  const passes = phase.passes.map(({ ms: _, ...rest }) => rest);
  expect(passesOf({ ...phase, passes }).map((p) => [p.pass, p.ms])).toEqual([
    ['step', undefined],
    ['decode', undefined],
  ]);
});
