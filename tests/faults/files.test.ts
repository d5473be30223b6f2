/**
 * A small model whose checkpoint cannot be read: each read of its file fails in turn, or gives fewer bytes than it should. The error says
 * which file, nothing is held, and the same model can be asked again.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type ByteSource, FileError, type TensorFile, bytesSource, openTensorFile } from '../../src/engine/index.ts';
import { every, held, points, undisturbed, within } from '../support/every_fault.ts';
import { closeRealDevice, faultyDevice } from '../support/faulty_device.ts';
import { writeSafetensors } from '../support/safetensors.ts';
import { type Outcome, difference, openSmall, smallWeights, useSmall } from '../support/small_model.ts';

/** What the n-th read does instead. */
const FAULTS = {
  refused: (source: ByteSource): Promise<Uint8Array> =>
    Promise.reject(new TypeError(`${source.name.length} bytes later the network went away`)),
  short: (source: ByteSource, offset: number, length: number): Promise<Uint8Array> =>
    source.read(offset, Math.max(0, length - 1)),
} as const;
type Fault = keyof typeof FAULTS;

/** Counts reads and fails number `at`. */
function faultySource(source: ByteSource, fault?: { at: number; kind: Fault }) {
  const state = { reads: 0, hit: false };
  const faulty: ByteSource = {
    name: source.name,
    size: source.size,
    read(offset, length, signal) {
      if (++state.reads !== fault?.at) return source.read(offset, length, signal);
      state.hit = true;
      return FAULTS[fault.kind](source, offset, length);
    },
  };
  return { state, faulty };
}

let source: ByteSource;
let expected: Outcome;
let reads: number;

async function run(file: (source: ByteSource) => Promise<TensorFile>, from: ByteSource): Promise<Outcome> {
  const host = await faultyDevice();
  const model = await openSmall(host, await file(from));
  try {
    return await useSmall(model);
  } finally {
    model.close();
  }
}

beforeAll(async () => {
  const weights = smallWeights();
  const tensors = await Promise.all(
    [...weights.tensors.values()].map(async (entry) => ({ ...entry, bytes: await weights.read(entry.name) })),
  );
  source = bytesSource('small.safetensors', writeSafetensors(tensors));
  const counted = faultySource(source);
  expected = await run(openTensorFile, counted.faulty);
  reads = counted.state.reads;
});
afterAll(closeRealDevice);

test('the file holds the same weights as the formula', async () => {
  const scenario = {
    difference,
    async run(host: Awaited<ReturnType<typeof faultyDevice>>) {
      const model = await openSmall(host);
      try {
        return await useSmall(model);
      } finally {
        model.close();
      }
    },
  };
  expect(difference(expected, (await undisturbed(scenario)).result)).toBeUndefined();
});

test.each(Object.keys(FAULTS) as Fault[])(
  'reads that are %s',
  async (kind) => {
    const problems: string[] = [];
    let total = 0;
    const at = points(new Array<string>(reads).fill('read'), 10);
    for (let i = 0, n = at[0]; ; i++, n = at[i] ?? Math.max(n, reads) + 1) {
      const { hit, problem } = await tryRead(n, kind);
      if (problem) problems.push(`${kind} read ${n}: ${problem}`);
      if (!hit) break;
      total++;
    }
    console.log(`${total} reads ${kind}`);
    expect(problems).toEqual([]);
    expect(total).toBeGreaterThan(every ? 100 : 10);
  },
  600_000,
);

async function tryRead(at: number, kind: Fault): Promise<{ hit: boolean; problem?: string }> {
  const { state, faulty } = faultySource(source, { at, kind });
  const host = await faultyDevice();
  let file: TensorFile;
  try {
    file = await openTensorFile(faulty);
  } catch (error) {
    return { hit: state.hit, problem: wrong(error) };
  }
  const model = await openSmall(host, file);
  let problem: string | undefined;
  try {
    const outcome = await within(10_000, useSmall(model));
    problem = state.hit ? 'no error' : difference(expected, outcome);
  } catch (error) {
    problem = wrong(error) ?? difference(expected, await within(10_000, useSmall(model)));
  } finally {
    model.close();
  }
  return { hit: state.hit, problem: problem ?? (await held(host, [model.device])) };
}

function wrong(error: unknown): string | undefined {
  if (error instanceof FileError && error.message.includes('small.safetensors')) return undefined;
  return `the error must be a FileError that names the file but is ${String(error)}`;
}
