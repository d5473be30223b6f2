/** Checkpoints that follow the grammar of zip and pickle more or less: the faults are in what they say. */
import { P, latin1, makeZip, text, u32, type EndFields, type Part } from '../support/make_zip.ts';
import { mutate } from './mutate.ts';
import type { Random } from './random.ts';

const GLOBALS = [
  'torch FloatStorage', 'torch HalfStorage', 'torch BFloat16Storage', 'torch LongStorage', 'torch.storage UntypedStorage', 'torch QInt8Storage',
  'torch float32', 'torch Size', 'torch device', 'torch._utils _rebuild_tensor_v2', 'torch._utils _rebuild_tensor_v3',
  'torch._utils _rebuild_parameter', 'torch._utils _rebuild_qtensor', 'collections OrderedDict', 'argparse Namespace', 'numpy dtype',
  'numpy.core.multiarray scalar', '_codecs encode', 'os system', 'builtins eval', '__main__ Model',
]; // prettier-ignore
const NUMBERS = [0, 1, 2, 3, 6, 7, 255, 65535, 0x7fffffff, -1, -2];
const NAMES = [
  'w',
  'b',
  'model',
  'state_dict',
  'module.w',
  '__proto__',
  'constructor',
  '',
  'é',
  'storage',
  'cpu',
  '0',
  '1',
  '../0',
];

/** A zip with a pickle and its storages. */
export function makeTorch(random: Random): Uint8Array {
  const pickle = latin1(makePickle(random));
  const storage = Uint8Array.from({ length: 24 }, (_, i) => i * 11);
  const parts: Part[] = [
    { name: 'a/data.pkl', bytes: random.chance(0.1) ? mutate(pickle, random) : pickle },
    { name: 'a/byteorder', bytes: text(random.chance(0.95) ? 'little' : 'big') },
    { name: 'a/data/0', bytes: storage },
    { name: 'a/data/1', bytes: storage.subarray(0, random.below(25)) },
  ];
  for (const part of parts) {
    if (random.chance(0.2)) part.deflate = true;
    if (random.chance(0.05)) part.packed = mutate(part.bytes, random);
    if (random.chance(0.05)) part.local = header(random);
    if (random.chance(0.05))
      part.central = { ...header(random), ...(random.chance(0.3) ? { offset: number(random) } : {}) };
    if (random.chance(0.03)) part.local = part.central = header(random);
  }
  if (random.chance(0.05))
    parts.push({
      name: random.pick(['a/data/0', 'b/data.pkl', '../x', '/x', '__MACOSX/a/data.pkl', 'a/code/x']),
      bytes: storage,
    });
  const zip = makeZip(parts, random.chance(0.05) ? ending(random) : {});
  return random.chance(0.2) ? mutate(zip, random) : zip;
}

const number = (random: Random): number => random.pick([0, 1, 24, 0xffff, 0x7fffffff, 0xffffffff, random.below(400)]);

function header(random: Random): NonNullable<Part['local']> {
  const [key, value] = random.pick([
    ['size', number(random)], ['packedSize', number(random)], ['crc', number(random)], ['flags', random.below(0x1000)], ['method', random.below(14)],
    ['name', random.pick(NAMES)], ['extra', Array.from({ length: random.below(30) }, () => random.below(256))],
    ['extra', [1, 0, 8, 0, ...u32(number(random)), ...u32(random.below(3))]],
  ] as const); // prettier-ignore
  return { [key]: value };
}

function ending(random: Random): EndFields {
  const key = random.pick(['count', 'directorySize', 'directoryOffset', 'disk'] as const);
  return { [key]: number(random) };
}

function makePickle(random: Random): string {
  if (random.chance(0.4)) {
    const entries = Array.from({ length: 1 + random.below(5) }, (_, i) => `${P.str(`w${i}`)}${soundValue(random, 0)}`);
    return `${P.start}${random.pick(['}', P.ordered])}(${P.str('w')}${soundTensor(random)}${entries.join('')}u.`;
  }
  const entries = Array.from({ length: random.below(5) }, () => P.str(random.pick(NAMES)) + value(random, 0)).join('');
  const start = random.chance(0.9) ? P.start : `\x80${String.fromCharCode(random.below(6))}`;
  const dict = random.chance(0.3) ? P.ordered : '}';
  return `${start}${dict}${memo(random)}(${entries}u${random.chance(0.1) ? junk(random) : ''}${random.chance(0.97) ? '.' : ''}`;
}

/** Code that leaves one value on the stack, of what checkpoints hold. */
function soundValue(random: Random, depth: number): string {
  const items = (): string[] => Array.from({ length: random.below(4) }, () => soundValue(random, depth + 1));
  const pairs = (): string =>
    items()
      .map((item, i) => P.str(`${random.pick(NAMES)}${i}`) + item)
      .join('');
  switch (random.below(depth > 4 ? 3 : 10)) {
    case 0:
      return P.int(random.pick(NUMBERS));
    case 1:
      return random.pick([
        'N',
        '\x88',
        '\x89',
        ')',
        ']',
        '}',
        'K\x05',
        `G${'\0'.repeat(8)}`,
        '\x8a\x00',
        'C\x01x',
        P.str('text'),
      ]);
    case 2:
      return P.global('torch', random.pick(['float32', 'FloatStorage', 'bfloat16']));
    case 3:
      return P.tuple(...items());
    case 4:
      return `](${items().join('')}e`;
    case 5:
      return `}(${pairs()}u`;
    case 6:
      return `${P.ordered}(${pairs()}u${soundValue(random, depth + 1)}b`;
    case 7:
      return `${P.global('argparse', 'Namespace')})\x81}(${pairs()}ub`;
    default:
      return soundTensor(random);
  }
}

/** A view of six floats, transposed or not, of any offset that fits. */
function soundTensor(random: Random): string {
  const [rows, columns] = random.pick([[2, 3], [1, 6], [3, 1], [0, 4], [2, 2]] as const); // prettier-ignore
  const strides = random.chance(0.5) ? [columns, 1] : [1, rows];
  const offset = random.below(Math.max(1, 7 - rows * columns));
  return P.tensor(P.storage('FloatStorage', '0', 6), offset, [rows, columns], strides);
}

/** Code that leaves one value on the stack, mostly. */
function value(random: Random, depth: number): string {
  const inner = (): string => value(random, depth + 1);
  const count = random.below(4);
  const kind = random.below(depth > 4 ? 5 : 16);
  if (random.chance(0.02)) return junk(random);
  switch (kind) {
    case 0:
      return P.int(random.pick(NUMBERS));
    case 1:
      return P.str(random.pick(NAMES));
    case 2:
      return random.pick(['N', '\x88', '\x89', ')', ']', '}', 'K\x05', `G${'\0'.repeat(8)}`, '\x8a\x00', 'C\x01x']);
    case 3:
      return global(random);
    case 4:
      return `h${String.fromCharCode(random.below(4))}`;
    case 5:
      return P.tuple(...Array.from({ length: count }, inner)) + memo(random);
    case 6:
      return `](${Array.from({ length: count }, inner).join('')}e`;
    case 7:
      return `}(${Array.from({ length: count }, () => P.str(random.pick(NAMES)) + inner()).join('')}u`;
    case 8:
      return `${global(random)}${P.tuple(...Array.from({ length: count }, inner))}R`;
    case 9:
      return `${inner()}Q`;
    case 10:
      return `${P.ordered}${inner()}b`;
    case 11:
      return `${global(random)})\x81${inner()}b`;
    default:
      return tensor(random) + memo(random);
  }
}

function tensor(random: Random): string {
  const n = (): number => (random.chance(0.9) ? random.below(4) : random.pick(NUMBERS));
  const rank = random.chance(0.95) ? random.below(4) : random.below(70);
  const type = random.pick([
    'FloatStorage',
    'FloatStorage',
    'HalfStorage',
    'BFloat16Storage',
    'ByteStorage',
    'DoubleStorage',
  ]);
  const width = { FloatStorage: 4, HalfStorage: 2, BFloat16Storage: 2, ByteStorage: 1, DoubleStorage: 8 }[type] ?? 1;
  const storage = P.storage(type, random.pick(['0', '0', '1', '9']), random.chance(0.9) ? 24 / width : n());
  return P.tensor(storage, n(), Array.from({ length: rank }, n), Array.from({ length: rank }, n));
}

function global(random: Random): string {
  const [module, name] = random.pick(GLOBALS).split(' ');
  return random.chance(0.7) ? P.global(module, name) : `${P.str(module)}${P.str(name)}\x93`;
}

const memo = (random: Random): string =>
  random.chance(0.2)
    ? random.pick([
        `q${String.fromCharCode(random.below(4))}`,
        '\x94',
        `r${String.fromCharCode(...u32(random.below(9)))}`,
      ])
    : '';

const junk = (random: Random): string =>
  String.fromCharCode(...Array.from({ length: 1 + random.below(6) }, () => random.below(256)));
