/** PNGs whose chunks are whole and whose sums are right: the faults are in what the chunks say and in their order. */
import { crc32, deflateSync } from 'node:zlib';
import { joined, mutate } from './mutate.ts';
import type { Random } from './random.ts';

const SIGNATURE = Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a);
const SAMPLES = [1, 0, 3, 1, 2, 0, 4];

export function makePng(random: Random): Uint8Array {
  const odd = random.chance(0.05);
  const side = (): number =>
    odd ? random.pick([0, 1, 65535, 0x7fffffff, 0x80000000, 0xffffffff]) : 1 + random.below(24);
  const [width, height] = [side(), side()];
  const colour = random.chance(0.97) ? random.pick([0, 2, 3, 4, 6]) : random.below(256);
  const depth = random.chance(0.97)
    ? random.pick(colour === 0 || colour === 3 ? [1, 2, 4, 8] : [8, 16])
    : random.below(256);
  const interlaced = random.chance(0.2) ? 1 : 0;
  const header = joined(word(width), word(height), Uint8Array.of(depth, colour, 0, 0, interlaced));
  const row = 1 + Math.ceil((width * (SAMPLES[colour] || 1) * depth) / 8);
  const exact = Math.min(row * height, 1 << 16) + (interlaced ? 200 : 0);
  const pixels = noise(random, Math.max(0, exact + (random.chance(0.9) ? 0 : random.below(40) - 20)));
  for (let at = 0; at < pixels.length && random.chance(0.97); at += row) pixels[at] = random.below(5); // filters
  let body: Uint8Array = deflateSync(pixels);
  if (random.chance(0.1)) body = mutate(body, random);
  const cut = random.below(body.length + 1);
  const idat = random.chance(0.8)
    ? [chunk('IDAT', body)]
    : [chunk('IDAT', body.subarray(0, cut)), chunk('IDAT', body.subarray(cut))];
  const chunks = [
    ...(colour === 3 || random.chance(0.1)
      ? [chunk('PLTE', noise(random, random.pick([3, 6, 48, 768, 771, 4, 0])))]
      : []),
    ...(random.chance(0.3) ? [chunk('tRNS', noise(random, random.below(10)))] : []),
    ...Array.from({ length: random.below(3) }, () => extra(random)),
    ...idat,
    ...Array.from({ length: random.below(2) }, () => extra(random)),
  ];
  if (random.chance(0.1)) chunks.splice(random.below(chunks.length), 0, random.pick(chunks));
  const file = joined(
    SIGNATURE,
    chunk('IHDR', header),
    ...chunks,
    ...(random.chance(0.97) ? [chunk('IEND', new Uint8Array(0))] : []),
  );
  return random.chance(0.2) ? mutate(file, random) : file;
}

const DEEP = '['.repeat(30_000) + ']'.repeat(30_000);
const RECORDS = [
  `{"overtone":${DEEP}}`,
  `{"overtone":1,"prompt":${DEEP}}`,
  `{"overtone":1,"edit":${DEEP}}`,
  '{"overtone":1}',
  '{"overtone":1,"prompt":"a","seed":-1,"model":[]}',
  '{"overtone":99}',
  '[',
  '{}',
  '{"overtone":1,"edit":{"mask":[1]}}',
];

function extra(random: Random): Uint8Array {
  const keyword = random.pick(['overtone', 'parameters', '', 'k'.repeat(90), 'Comment']);
  const content = random.chance(0.7) ? Buffer.from(random.pick(RECORDS)) : noise(random, random.below(60));
  switch (random.below(6)) {
    case 0:
      return chunk('tEXt', joined(Buffer.from(`${keyword}\0`), content));
    case 1:
      return chunk('iTXt', joined(Buffer.from(`${keyword}\0\0\0\0\0`), content));
    case 2:
      return chunk('iTXt', joined(Buffer.from(`${keyword}\0\x01\0\0\0`), deflateSync(content)));
    case 3:
      return chunk('iTXt', noise(random, random.below(20)));
    case 4: {
      const exif = noise(random, random.below(40));
      exif.set(
        Buffer.from(random.pick(['II*\0\x08\0\0\0', 'MM\0*\0\0\0\x08', 'II*\0\xff\xff\xff\xff']), 'latin1').subarray(
          0,
          exif.length,
        ),
      );
      return chunk('eXIf', exif);
    }
    default:
      return chunk(
        random.pick(['acTL', 'fcTL', 'fdAT', 'iCCP', 'gAMA', 'OVER', 'IHDR', 'tIME']),
        noise(random, random.below(30)),
      );
  }
}

const noise = (random: Random, length: number): Uint8Array => Uint8Array.from({ length }, () => random.below(256));

function word(value: number): Uint8Array {
  return Uint8Array.of(value >>> 24, value >>> 16, value >>> 8, value);
}

function chunk(type: string, data: Uint8Array): Uint8Array {
  const body = joined(Buffer.from(type, 'latin1'), data);
  return joined(word(data.length), body, word(crc32(body)));
}
