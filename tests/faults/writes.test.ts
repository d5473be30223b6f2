/** The n-th change of the disk fails, for n = 1, 2, …, while a model is converted and while a batch saves its entries. */
import { mkdirSync } from 'node:fs';
import { mkdtemp, readFile, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { entryState, saveEntry } from '../../node/cli/batch_files.ts';
import { convertModel } from '../../node/convert.ts';
import { type ModelFiles, embeddedModel } from '../../node/model.ts';
import { FileError, openTensorFile } from '../../src/engine/index.ts';
import { bytesSource } from '../../src/engine/formats/source.ts';
import { every, points } from '../support/every_fault.ts';
import { FAILURES, plan } from '../support/failing_files.ts';
import { tinyTokenizer } from '../support/golden.ts';
import { record } from '../support/record.ts';
import { writeSafetensors } from '../support/safetensors.ts';
import { smallConfig, smallWeights } from '../support/small_model.ts';

vi.mock('node:fs/promises', async (original) => {
  const { failing } = await import('../support/failing_files.ts');
  return failing(await original());
});

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'overtone-writes-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

type Contents = Record<string, string>;
async function contents(): Promise<Contents> {
  const names = await readdir(folder).catch(() => []);
  const texts = names.map(async (name) => [name, (await readFile(join(folder, name))).toString('latin1')] as const);
  return Object.fromEntries(await Promise.all(texts));
}

/** Runs `work` with each failure; afterwards every file is one of the whole ones, and the next run leaves them all. */
async function everyWrite(
  work: () => Promise<unknown>,
  between: number,
  prepare = () => undefined as void,
): Promise<void> {
  Object.assign(plan, { at: 0, calls: [] });
  await work();
  const whole = await contents();
  const calls = plan.calls;
  let total = 0;
  for (const [turn, code] of FAILURES.entries())
    for (const at of points(calls, between, turn)) {
      await rm(folder, { recursive: true, force: true });
      prepare();
      Object.assign(plan, { at, code, calls: [] });
      const failed = work();
      await expect(failed, `${code} at ${at}, ${calls[at - 1]}`).rejects.toThrow(FileError);
      await expect(failed).rejects.toThrow(
        /cannot be written: the (disk is full|disk reported an error|file system is read-only)$/,
      );
      for (const [name, text] of Object.entries(await contents())) expect(text === whole[name], name).toBe(true);
      plan.at = 0;
      await work();
      expect(await contents()).toEqual(whole);
      total++;
    }
  console.log(`${total} points of ${calls.length} changes of the disk`);
}

/** The files of a small model, all in memory but the tokenizer, and the size of a third of it. */
async function smallFiles(): Promise<{ files: ModelFiles; shardBytes: number }> {
  const made = smallWeights();
  const tensors = [...made.tensors.values()].map(async (entry) => ({ ...entry, bytes: await made.read(entry.name) }));
  const bytes = writeSafetensors(await Promise.all(tensors));
  const files: ModelFiles = {
    config: smallConfig,
    tokenizer: tinyTokenizer(),
    tokenizerPath: join(embeddedModel(), 'tokenizer.json'),
    weights: await openTensorFile(bytesSource('memory', bytes)),
    close: () => Promise.resolve(),
  };
  return { files, shardBytes: Math.ceil(bytes.length / 3) };
}

test('convert', { timeout: every ? 1_800_000 : 120_000 }, async () => {
  const { files, shardBytes } = await smallFiles();
  await everyWrite(() => convertModel(files, folder, { shardBytes }), 2);
  expect(Object.keys(await contents()).filter((name) => name.endsWith('.safetensors')).length).toBeGreaterThan(2);
});

test('an entry of a batch', async () => {
  const entry = { index: 3, caption: 'a dog.', text: '{"prompt": "a dog"}' };
  const picture = { width: 16, height: 16, data: new Uint8Array(768).fill(90) };
  await everyWrite(
    () => saveEntry(folder, entry, picture, record()),
    100,
    () => void mkdirSync(folder),
  );
  expect(await entryState(folder, entry, record())).toBe('done');
  expect(Object.keys(await contents())).toEqual(['00000003.jpg', '00000003.json']);
});
