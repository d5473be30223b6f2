import { argmax, rowRange } from '../../src/engine/index.ts';
import type { CaseList, OpCase } from '../support/case.ts';

interface Options {
  name: string;
  penalty?: number;
  fill?: (i: number) => number;
  /** Ids chosen before. */
  seen?: readonly number[];
  /** Logits are the last of several rows. */
  row?: number;
  /** A sequence of `length` positions, `past` of them before this pass of `rows`. */
  sequence?: { past: number; rows: number; length: number };
  timed?: boolean;
}

/** The expected id is written down: it is what the case is about. */
function argmaxCase(V: number, id: number, o: Options): OpCase {
  const { penalty = 1.1, seen = [], row = 0, sequence } = o;
  return {
    name: `${V} ${o.name}`,
    timed: o.timed,
    tolerance: 1e-30,
    tensors: {
      logits: { shape: [row + 1, V], fill: o.fill && ((i) => (i < row * V ? 1e9 : o.fill!(i - row * V))) },
      seen: { shape: [V], role: 'state', dtype: 'u32', fill: (i) => Number(seen.includes(i)) },
      ...(sequence && {
        past: { shape: [1], role: 'state', dtype: 'u32', fill: () => sequence.past },
        ids: { shape: [sequence.length], role: 'state', dtype: 'u32', fill: (i) => 1000 + i },
      }),
    },
    build(t) {
      const goesOn = sequence && { past: t.past, ids: t.ids, rows: sequence.rows };
      const chosen = argmax(rowRange(t.logits, row, 1), t.seen, { penalty, sequence: goesOn });
      return { id: chosen, seen: t.seen, ...(sequence && { past: t.past, ids: t.ids }) };
    },
    reference(v) {
      const after = { id: Float64Array.of(id), seen: v.seen.map((flag, i) => (i === id ? 1 : flag)) };
      if (!sequence) return after;
      const past = sequence.past + sequence.rows;
      return { ...after, past: Float64Array.of(past), ids: v.ids.map((before, i) => (i === past ? id : before)) };
    },
  };
}

/** `peaks` at their ids, `floor` elsewhere. */
const peaks = (floor: number, at: Readonly<Record<number, number>>) => (i: number) => at[i] ?? floor;

export const list: CaseList = {
  op: 'argmax',
  cases: [
    argmaxCase(1, 0, { name: 'only one', fill: () => -3 }),
    argmaxCase(257, 256, { name: 'last', fill: (i) => i }),
    argmaxCase(1024, 1023, { name: 'last of a stretch', fill: (i) => i - 2000 }),
    argmaxCase(1025, 1024, { name: 'alone in a stretch', fill: (i) => i - 2000 }),
    argmaxCase(3000, 77, { name: 'ties', fill: peaks(-1, { 77: 5, 78: 5, 1101: 5, 2999: 5 }) }),
    argmaxCase(3000, 0, { name: 'all equal', fill: () => 0 }),
    argmaxCase(300, 3, { name: 'zeros of either sign tie', fill: peaks(-1, { 3: -0, 200: 0 }) }),
    argmaxCase(3000, 2500, { name: 'seen lose', fill: peaks(-9, { 10: 5.4, 2500: 5, 40: 1 }), seen: [10, 40] }),
    argmaxCase(3000, 10, { name: 'seen still win', fill: peaks(-9, { 10: 5.6, 2500: 5 }), seen: [10] }),
    argmaxCase(3000, 2500, { name: 'seen lose below 0', fill: peaks(-9, { 10: -5, 2500: -5.4 }), seen: [10] }),
    argmaxCase(3000, 10, { name: 'seen still win below 0', fill: peaks(-9, { 10: -5, 2500: -5.6 }), seen: [10] }),
    argmaxCase(2000, 1500, { name: 'no penalty', penalty: 1, fill: peaks(0, { 1500: 1, 2: 0.99 }), seen: [1500] }),
    argmaxCase(2000, 1999, { name: 'NaN loses', fill: peaks(NaN, { 1999: -1e30 }) }),
    argmaxCase(2000, 700, { name: 'infinite', fill: peaks(-Infinity, { 700: Infinity, 900: NaN, 1200: 3e38 }) }),
    argmaxCase(2000, 0, { name: 'all −infinite', fill: () => -Infinity }),
    argmaxCase(2000, 0, { name: 'all NaN', fill: () => NaN }),
    argmaxCase(5000, 4100, { name: 'last row', fill: peaks(-2, { 4100: -1 }), row: 2 }),
    argmaxCase(300, 7, {
      name: 'into a sequence',
      fill: peaks(0, { 7: 1 }),
      sequence: { past: 4, rows: 1, length: 9 },
    }),
    argmaxCase(1200, 1100, {
      name: 'at the end of a sequence',
      fill: peaks(0, { 1100: 1 }),
      sequence: { past: 0, rows: 8, length: 9 },
    }),
    argmaxCase(300, 7, {
      name: 'behind a sequence',
      fill: peaks(0, { 7: 1 }),
      sequence: { past: 8, rows: 1, length: 9 },
    }),
    argmaxCase(151936, 151935, { name: 'vocabulary', fill: peaks(-2, { 151935: 7, 3: 7.5 }), seen: [3, 70000] }),
    argmaxCase(151936, 0, { name: 'vocabulary', timed: true }),
  ],
};
