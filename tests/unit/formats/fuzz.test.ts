/**
 * A few thousand damaged copies of good small files: each loads or is refused with a FileError, and none takes long. Seeded, so that a
 * failure comes back; the seed and the number of files can be given by OVERTONE_FUZZ=seed,count.
 */
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { FileError } from '../../../src/engine/errors.ts';
import { openTensorFile } from '../../../src/engine/formats/open.ts';
import { bytesSource } from '../../../src/engine/formats/source.ts';
import { workWatch } from '../../support/cpu_time.ts';
import { GOOD, latin1, makeZip, torchParts } from './make_zip.ts';

const [seed, count] = (process.env.OVERTONE_FUZZ ?? '20240613,6000').split(',').map(Number);
const CORPUS = new URL('../../corpus/', import.meta.url);
const read = (path: string): Uint8Array => new Uint8Array(readFileSync(new URL(path, CORPUS)));
const FILES = [
  'torch/flat.pth', 'torch/nested.pth', 'torch/ordered.pth', 'torch/deflated.pth', 'torch/zip64_everywhere.pth', 'torch/rebuild_kinds.pth',
  'safetensors/odd_u8_first.safetensors', 'safetensors/metadata_strings.safetensors',
].map((path) => ({ path, bytes: read(path) })); // prettier-ignore

let state = seed >>> 0;
function random(below: number): number {
  state = (state + 0x9e3779b9) >>> 0;
  let x = state;
  x = Math.imul(x ^ (x >>> 16), 0x21f0aaad);
  x = Math.imul(x ^ (x >>> 15), 0x735a2d97);
  return ((x ^ (x >>> 15)) >>> 0) % below;
}
const EDGES = [0, 1, 0x7f, 0x80, 0xff, 0x28, 0x2e, 0x52, 0x62, 0x74, 0x75, 0x71, 0x68];

function mutate(good: Uint8Array): Uint8Array {
  let bytes = good.slice();
  for (let edits = 1 + random(4); edits > 0; edits--) {
    const at = random(bytes.length);
    switch (random(6)) {
      case 0:
        bytes[at] ^= 1 << random(8);
        break;
      case 1:
        bytes[at] = EDGES[random(EDGES.length)];
        break;
      case 2:
        bytes = bytes.slice(0, 1 + at);
        break;
      case 3: // cut a piece out
        bytes = Uint8Array.from([...bytes.subarray(0, at), ...bytes.subarray(at + 1 + random(16))]);
        break;
      case 4: // say a piece twice
        bytes = Uint8Array.from([...bytes.subarray(0, at + random(16)), ...bytes.subarray(at)]);
        break;
      default: // a number of all ones, or none
        bytes.fill(random(2) * 255, at, at + 4);
    }
    if (!bytes.length) return bytes;
  }
  return bytes;
}

/** Opens and reads everything; 1 when it loaded. Anything but a FileError fails the test. */
async function attempt(bytes: Uint8Array, what: string): Promise<number> {
  const work = workWatch();
  let loaded = 0;
  try {
    const file = await openTensorFile(bytesSource(what, bytes));
    for (const { name } of file.tensors.values()) expect((await file.read(name)).length).toBeLessThan(1e6);
    loaded = 1;
  } catch (error) {
    if (!(error instanceof FileError))
      throw new Error(`${what} (OVERTONE_FUZZ=${seed}) broke the reader`, { cause: error });
  }
  expect(work(), what).toBeLessThan(1000);
  return loaded;
}

test('damaged files load or are refused', async () => {
  let loaded = 0;
  for (let i = 0; i < count; i++) {
    const { path, bytes } = FILES[i % FILES.length];
    loaded += await attempt(mutate(bytes), `${path} #${i}`);
  }
  expect(loaded).toBeGreaterThan(0);
  expect(loaded).toBeLessThan(count / 2);
}, 30_000);

test('damaged pickles in sound zips load or are refused', async () => {
  const good = latin1(GOOD);
  let loaded = 0;
  for (let i = 0; i < count; i++) {
    const parts = torchParts('');
    parts[0].bytes = mutate(good);
    loaded += await attempt(makeZip(parts), `pickle #${i}`);
  }
  expect(loaded).toBeLessThan(count / 2);
}, 30_000);
