/** One report for everything that is wrong with a checkpoint, and the VAE's place in it. */
import { expect, test } from 'vitest';
import { FileError } from '../../../src/engine/errors.ts';
import type { TensorFile } from '../../../src/engine/formats/tensor_file.ts';
import { checkTensors, joinCheckpoint, recognise } from '../../../src/harmon/checkpoint.ts';

const fake = (name: string, shapes: Record<string, number[]>, dtype: 'F32' | 'I64' = 'F32'): TensorFile => ({
  name,
  format: 'fake',
  tensors: new Map(Object.entries(shapes).map(([tensor, shape]) => [tensor, { name: tensor, dtype, shape }])),
  read: async (tensor) => new TextEncoder().encode(`${name}:${tensor}`),
});
const declared = (shapes: Record<string, number[]>) => Object.entries(shapes).map(([name, shape]) => ({ name, shape }));
const message = (
  file: TensorFile,
  ...rest: [Parameters<typeof checkTensors>[1], Parameters<typeof checkTensors>[2]?]
): string => {
  try {
    checkTensors(file, ...rest);
    return '';
  } catch (error) {
    expect(error).toBeInstanceOf(FileError);
    return (error as Error).message;
  }
};
const need = { 'mar.z_proj.weight': [192, 16], 'mar.z_proj.bias': [192] };

test('a file that fits passes, with the tensors that inference does not use', () => {
  const extra = {
    'llm.lm_head.weight': [5, 5],
    'llm.model.layers.0.self_attn.rotary_emb.inv_freq': [32],
    'mar.class_emb.weight': [1000, 192],
  };
  expect(message(fake('m.pth', { ...need, ...extra }), declared(need))).toBe('');
});

test('one missing, one misshapen, one unknown are one sentence', () => {
  const file = fake('m.pth', { 'mar.z_proj.weight': [192, 17], 'ema.decay': [] });
  expect(message(file, declared(need))).toBe(
    'm.pth does not fit this model of 2 tensors: 1 missing (mar.z_proj.bias), 1 misshapen (mar.z_proj.weight must be [192, 16] but is [192, 17]), ' +
      '1 unknown (ema.decay); choose the --model that it was made for, or another file.',
  );
});

test('hundreds of names are counted, and eight or so are told', () => {
  const many = Object.fromEntries(Array.from({ length: 663 }, (_, i) => [`llm.model.layers.${i}.weight`, [4]]));
  const text = message(fake('m.pth', { odd: [1], strange: [1] }), declared(many));
  expect(text).toContain('663 missing (llm.model.layers.0.weight; ');
  expect(text).toContain('and 655 more');
  expect(text).toContain('2 unknown (odd; and 1 more)');
  expect(text.length).toBeLessThan(500);
});

test('optional tensors may be absent, integers cannot be weights, the ignore list can be replaced', () => {
  const file = fake('m.pth', { 'mar.z_proj.weight': [192, 16] });
  expect(message(file, declared(need), { optional: new Set(['mar.z_proj.bias']) })).toBe('');
  expect(message(fake('m.pth', need, 'I64'), declared(need))).toContain(
    'must hold floating-point numbers but holds I64',
  );
  expect(message(fake('m.pth', { ...need, 'llm.lm_head.weight': [1] }), declared(need), { ignore: /^$/ })).toContain(
    '1 unknown',
  );
});

test('VAE tensors inside the model count over the separate file', async () => {
  const joined = joinCheckpoint(fake('m.pth', { 'llm.a': [1], 'vae.b': [2] }), fake('kl16.ckpt', { b: [3], c: [4] }));
  expect([...joined.tensors.values()].map(({ name, shape }) => [name, shape[0]]).sort()).toEqual([
    ['llm.a', 1],
    ['vae.b', 2],
    ['vae.c', 4],
  ]);
  const read = async (name: string): Promise<string> => new TextDecoder().decode(await joined.read(name));
  expect(await read('vae.b')).toBe('m.pth:vae.b');
  expect(await read('vae.c')).toBe('kl16.ckpt:c');
  expect(joined.name).toBe('kl16.ckpt + m.pth');
});

test('configurations are recognised by the embedding', () => {
  const embedding = (shape: number[]) => recognise(fake('m', { 'llm.model.embed_tokens.weight': shape }));
  expect(embedding([511, 192])).toBe('tiny');
  expect(embedding([151936, 896])).toBe('0.5b');
  expect(embedding([151936, 1536])).toBe('1.5b');
  expect(embedding([151936, 2048])).toBe(undefined);
  expect(recognise(fake('m', {}))).toBe(undefined);
});
