/** safetensors files that follow the grammar more or less: the faults are in names, numbers, order and lengths. */
import { text, u64 } from '../support/make_zip.ts';
import { joined, mutate } from './mutate.ts';
import type { Random } from './random.ts';

const DTYPES = ['F32', 'F16', 'BF16', 'U8', 'BOOL', 'I64', 'F64'];
const WIDTHS: Readonly<Record<string, number>> = { F32: 4, F16: 2, BF16: 2, U8: 1, BOOL: 1, I64: 8, F64: 8 };
const ODD_NUMBERS = [
  '-1',
  '1.5',
  '1e3',
  '01',
  '9007199254740993',
  '18446744073709551616',
  'null',
  '"4"',
  'NaN',
  '[]',
  '4294967296',
  '2147483647',
];
const ODD_NAMES = [
  '"__metadata__"',
  '"__proto__"',
  '""',
  '"\\u0000"',
  '"\\ud800"',
  '"a\\',
  '"w0"',
  `"${'n'.repeat(600)}"`,
  'w',
  '{',
];

export function makeSafetensors(random: Random): Uint8Array {
  let at = 0;
  const members = Array.from({ length: random.below(6) }, (_, i) => {
    const dtype = random.chance(0.97) ? random.pick(DTYPES) : random.pick(['F8_E4M3', 'toString', '']);
    const shape = Array.from({ length: random.below(random.chance(0.95) ? 4 : 12) }, () => random.below(4));
    const size = shape.reduce((product, extent) => product * extent, WIDTHS[dtype] ?? 1);
    const begin = random.chance(0.96) ? at : random.below(40);
    at = begin + size;
    const number = (value: number): string => (random.chance(0.99) ? String(value) : random.pick(ODD_NUMBERS));
    const fields = [
      `"dtype":${JSON.stringify(dtype)}`,
      `"shape":[${shape.map(number).join(',')}]`,
      `"data_offsets":[${number(begin)},${number(at)}]`,
    ];
    if (random.chance(0.03)) fields.splice(random.below(3), 1 + random.below(2));
    if (random.chance(0.03)) fields.push(random.pick(['"dtype":"F32"', '"extra":1', '"shape":[']));
    return `${random.chance(0.97) ? `"w${i}"` : random.pick(ODD_NAMES)}:{${fields.join(random.chance(0.99) ? ',' : ' ')}}`;
  });
  if (random.chance(0.3))
    members.unshift(`"__metadata__":${random.pick(['{}', 'null', '{"format":"pt"}', '{"a":1}', '[]', '"x"'])}`);
  if (random.chance(0.2)) members.reverse();
  let header = `{${members.join(random.chance(0.98) ? ',' : ',,')}}`;
  if (random.chance(0.05)) header += random.pick([' ', '}', '\0', '{}', '\n\t ']);
  if (random.chance(0.02)) header = random.pick(['[', '{"a":', '\ufeff']).repeat(1 + random.below(200)) + header;
  const bytes = text(header);
  const length = random.chance(0.97)
    ? BigInt(bytes.length)
    : random.pick([0n, 1n, 1n << 31n, 1n << 32n, 1n << 63n, (1n << 64n) - 1n, 100_000_001n]);
  const data = new Uint8Array(Math.max(0, at + (random.chance(0.95) ? 0 : random.below(9) - 4)));
  const file = joined(Uint8Array.from(u64(length)), bytes, data);
  return random.chance(0.2) ? mutate(file, random) : file;
}
