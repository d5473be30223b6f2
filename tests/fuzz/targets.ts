/** What is fuzzed: for each reader of files from outside, how an input is made and what reading it whole means. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseBatchList, sidecarText } from '../../node/cli/batch_list.ts';
import { packageFile } from '../../node/package.ts';
import { readPictureText } from '../../node/picture_text.ts';
import { decodePicture } from '../../node/pictures.ts';
import { FileError } from '../../src/engine/index.ts';
import { openSharded, openTensorFile } from '../../src/engine/formats/open.ts';
import { bytesSource } from '../../src/engine/formats/source.ts';
import { parseConfig } from '../../src/harmon/config.ts';
import { createTokenizer } from '../../src/harmon/tokenizer.ts';
import { MAX_MEGABYTES, MAX_MILLISECONDS } from './limits.ts';
import { makeJson } from './make_json.ts';
import { makePng } from './make_png.ts';
import { makeSafetensors } from './make_safetensors.ts';
import { makeTorch } from './make_torch.ts';
import { mutate } from './mutate.ts';
import type { Random } from './random.ts';

export interface Target {
  readonly name: string;
  /** Inputs of a hundred. */
  readonly share: number;
  /** Processor time and memory that reading may take. */
  readonly milliseconds: number;
  readonly megabytes: number;
  make(random: Random): Uint8Array;
  /** Reads all there is in an input. @throws FileError for one that is refused; any other error is a fault. */
  read(bytes: Uint8Array): unknown;
}

const PACKAGE = join(packageFile('package.json'), '..');
const file = (path: string): Uint8Array => new Uint8Array(readFileSync(join(PACKAGE, path)));
const json = (path: string): unknown => JSON.parse(readFileSync(join(PACKAGE, path), 'utf8'));
const later = <T>(make: () => T): (() => T) => {
  let made: T | undefined;
  return () => (made ??= make());
};

/** The small files of a folder of tests/corpus that are read there. */
const corpus = (folder: string) =>
  later(() => {
    const expected = json(`tests/corpus/${folder}/expected.json`) as Record<string, { outcome: string }>;
    return Object.entries(expected)
      .filter(([name, { outcome }]) => outcome !== 'refused' && !name.includes('megapixels'))
      .map(([name]) => file(`tests/corpus/${folder}/${name}`));
  });
const [torchFiles, safetensorsFiles, pictureFiles] = ['torch', 'safetensors', 'pictures'].map(corpus);
const batchFiles = later(() =>
  ['bom', 'crlf', 'good', 'utf16le'].map((name) => file(`tests/corpus/batch/${name}.json`)),
);
const config = later(() => json('models/harmon-tiny/config.json'));
const tokenizer = later(() => json('models/harmon-tiny/tokenizer.json'));

const LIST = [
  { prompt: 'a dog', id: 9007199254740993 },
  { prompt: ' two cats ', sample_id: 7, nested: [{ a: '}' }, null] },
  { prompt: '狗' },
];
const INDEX = { metadata: { total_size: 48 }, weight_map: { w: 'a.safetensors' } };

async function readTensors(bytes: Uint8Array): Promise<void> {
  const opened = await openTensorFile(bytesSource('fuzz', bytes));
  for (const { name, shape } of opened.tensors.values()) {
    await opened.read(name);
    if (shape[0] > 0) await opened.read(name, { rows: [shape[0] - 1, 1] });
  }
}

async function readPicture(bytes: Uint8Array): Promise<void> {
  const refusals: unknown[] = [];
  for (const read of [() => readPictureText(bytes, 'fuzz'), () => decodePicture(bytes, 'fuzz')])
    try {
      await read();
    } catch (error) {
      if (!(error instanceof FileError)) throw error;
      refusals.push(error);
    }
  if (refusals.length > 0) throw refusals[0];
}

/** Parsed as the files beside a model are: text that is no JSON is another reader's business. */
function parsed(bytes: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder().decode(bytes));
  } catch (cause) {
    throw new FileError('no JSON', { cause });
  }
}

const FILE = { milliseconds: MAX_MILLISECONDS, megabytes: MAX_MEGABYTES };
/** A damaged head may ask for up to 64 megapixels, which is allowed. */
const PICTURE = { milliseconds: 1000, megabytes: 900 };

export const TARGETS: readonly Target[] = [
  { name: 'torch', share: 20, ...FILE, make: makeTorch, read: readTensors },
  {
    name: 'torch-damaged',
    share: 15,
    ...FILE,
    make: (random) => mutate(random.pick(torchFiles()), random),
    read: readTensors,
  },
  { name: 'safetensors', share: 15, ...FILE, make: makeSafetensors, read: readTensors },
  {
    name: 'safetensors-damaged',
    share: 10,
    ...FILE,
    make: (random) => mutate(random.pick(safetensorsFiles()), random),
    read: readTensors,
  },
  {
    name: 'index',
    share: 5,
    ...FILE,
    make: (random) => makeJson(INDEX, random),
    read: (bytes) =>
      openSharded({ name: 'index', text: new TextDecoder().decode(bytes) }, async () =>
        bytesSource('shard', safetensorsFiles()[0]),
      ),
  },
  { name: 'png', share: 15, ...PICTURE, make: makePng, read: readPicture },
  {
    name: 'picture-damaged',
    share: 8,
    ...PICTURE,
    make: (random) => mutate(random.pick(pictureFiles()), random),
    read: readPicture,
  },
  {
    name: 'list',
    share: 7,
    ...FILE,
    make: (random) => (random.chance(0.5) ? makeJson(LIST, random) : mutate(random.pick(batchFiles()), random)),
    read: (bytes) => parseBatchList(bytes, 'fuzz').map((entry) => 'caption' in entry && sidecarText(entry)),
  },
  {
    name: 'config',
    share: 3,
    ...FILE,
    make: (random) => makeJson(config(), random),
    read: (bytes) => parseConfig(parsed(bytes)),
  },
  {
    name: 'tokenizer',
    share: 2,
    ...FILE,
    make: (random) => makeJson(tokenizer(), random),
    read: (bytes) => createTokenizer(parsed(bytes)).encode('a dog\n 1'),
  },
];

/** A reader with every fault that the harness must find, to show that it does: by the first byte of the input. */
export const FAULTY: Target = {
  name: 'faulty',
  share: 100,
  ...FILE,
  make: (random) => Uint8Array.of(random.below(9)),
  async read([kind]) {
    if (kind === 0) throw new TypeError('not the error that was agreed on');
    if (kind === 1) for (;;) await Promise.resolve();
    if (kind === 2) for (;;);
    if (kind === 3) process.abort();
    if (kind === 4) for (const all: number[][] = []; ;) all.push(new Array<number>(1e5).fill(all.length));
    if (kind === 5) return new Uint8Array(2 ** 30).length;
    if (kind === 6) return new Uint8Array(2 ** 28).fill(1).length;
    if (kind === 7) throw new FileError('refused');
    return kind;
  },
};

/** The target of input `index`, the same for any seed. */
export function targetOf(targets: readonly Target[], index: number): Target {
  let place = (index * 37) % 100; // each hundred inputs have every target by its share, in a mixed order
  return targets.find(({ share }) => (place -= share) < 0)!;
}
