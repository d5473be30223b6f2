/** `info` and `doctor`: what they find in files and on the machine, and what they say where something is missing. */
import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it, onTestFinished } from 'vitest';
import { encodeRecorded } from '../../node/picture_text.ts';
import { encodePng } from '../../node/pictures.ts';
import { record } from '../support/record.ts';
import { overtone, start } from './overtone.ts';

const model = (name: string) => fileURLToPath(new URL(`../../models/harmon-tiny/${name}`, import.meta.url));
const picture = { width: 16, height: 16, data: new Uint8Array(768) };
const json = async (args: readonly string[], input?: Uint8Array) => {
  const { code, stdout } = await overtone(['info', '--json', ...args], { input });
  expect(code).toBe(0);
  return JSON.parse(stdout) as Record<string, unknown>;
};

describe('info', () => {
  it('tells about the adapter', async () => {
    const { adapter, features, limits } = await json([]);
    expect(adapter).toMatch(/\w/);
    expect(features).toEqual(expect.arrayContaining(['core-features-and-limits']));
    expect((limits as Record<string, number>).maxStorageBufferBindingSize).toBeGreaterThanOrEqual(2 ** 27);
  });

  it('tells how a picture was made, whoever made it', async () => {
    const made = record({ prompt: '左边一只狗\x1b[31m' });
    const found = await json(['-'], await encodeRecorded(picture, made, 'JPEG'));
    expect(found.record).toMatchObject({ prompt: made.prompt, seed: 7, cfg: 3, model: made.model });
    const run = start(['info', 'a.png']);
    writeFileSync(join(run.folder, 'a.png'), await encodeRecorded(picture, made, 'PNG'));
    const { stdout } = await run.ended;
    expect(stdout).toMatch(/^Prompt +左边一只狗\\u\{1b\}\[31m\nseed +7\n/);
    const other = await overtone(['info', '-'], { input: encodePng(picture, { parameters: 'a cat\nSteps: 9\x07' }) });
    expect(other.stdout).toBe('Made by another tool, which wrote:\na cat\nSteps: 9\\u{7}\n');
    const none = await overtone(['info', '-'], { input: encodePng(picture) });
    expect(none).toMatchObject({ code: 1, stdout: '' });
    expect(none.stderr).toContain('a picture with no record of how it was made');
  });

  it.each([
    [
      '',
      { model: 'harmon-tiny', missing: [], misshapen: [], unknown: [], unused: ['mar.class_emb.weight'] },
      'complete',
    ],
    [
      'harmon_tiny.pth',
      { model: 'harmon-tiny', isVae: false, unknown: [] },
      'the VAE, which comes in a file of its own',
    ],
    ['kl16_tiny.ckpt', { model: 'harmon-tiny', isVae: true, missing: [] }, 'the VAE of harmon-tiny, complete'],
  ])('tells what weights are in %s', async (name, found, text) => {
    const report = await json([model(name)]);
    expect(report).toMatchObject(found);
    const tensors = report.tensors as { bytes: number }[];
    expect(tensors.reduce((sum, { bytes }) => sum + bytes, 0)).toBe(report.bytes);
    const { stdout } = await overtone(['info', '--tensors', model(name)]);
    expect(stdout).toContain(text);
    expect(stdout.split('\n').filter((line) => /^\S+ {2}B?F\d+ \[/.test(line))).toHaveLength(tensors.length);
  });

  it('plans the memory of a picture where the model is whole', async () => {
    const { planned } = await json([model('')]);
    expect(planned).toMatchObject({ side: 128 });
    const { weights, state, activations, largest } = planned as Record<string, number>;
    for (const bytes of [weights, state, activations]) expect(bytes).toBeGreaterThan(100_000);
    expect(largest).toBeLessThan(2 ** 27);
    const { stdout } = await overtone(['info', model('')], { env: { VK_DRIVER_FILES: '/none.json' } });
    expect(stdout).toMatch(
      /^Planned +\d+\.\d MB on the device for one picture of 128×128: weights .*, caches .*, activations /m,
    );
    expect((await json([model('harmon_tiny.pth')])).planned).toBeUndefined();
  });

  it('says what a file is that is neither', async () => {
    const { code, stderr } = await overtone(['info', model('config.json')]);
    expect([code, stderr]).toEqual([1, expect.stringContaining('is JSON, not weights')]);
    expect(await overtone(['info', 'missing'])).toMatchObject({ code: 1, stdout: '' });
  });
});

describe('doctor', () => {
  const verdicts = (stdout: string) =>
    Object.fromEntries(
      (JSON.parse(stdout) as { checks: { name: string; verdict: string; cure?: string }[] }).checks.map((check) => [
        check.name,
        check.verdict,
      ]),
    );

  it('finds nothing wrong where everything works', async () => {
    const { code, stdout } = await overtone(['doctor', '--json']);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ ok: true });
    expect(new Set(Object.values(verdicts(stdout)))).toEqual(new Set(['ok']));
  });

  it('says what would help where there is no driver', async () => {
    const env = { VK_DRIVER_FILES: '/none.json', VK_ICD_FILENAMES: '' };
    const { code, stdout, stderr } = await overtone(['doctor'], { env });
    expect(code).toBe(1);
    expect(stdout).toMatch(/✗ driver +no Vulkan driver at \/none\.json.*\n +→ unset the variable/);
    expect(stdout).toMatch(/✗ adapter .*\n +→ unset VK_DRIVER_FILES, or let it name a driver that works/);
    expect(stdout).toMatch(/– picture +needs an adapter and a model/);
    expect(stderr).toContain('overtone: 2 checks failed: driver, adapter; the arrows say what helps\n');
  });

  it('says what is wrong with a model', async () => {
    const { code, stdout } = await overtone(['doctor', '--json', '--checkpoint', model('harmon_tiny.pth')]);
    expect(code).toBe(1);
    expect(verdicts(stdout)).toMatchObject({ adapter: 'ok', model: 'failed', memory: 'skipped', picture: 'skipped' });
    expect(stdout).toContain('"cure":"name the file that has it (kl16.ckpt) with --vae"');
    const none = await overtone(['doctor', '--checkpoint', 'none.pth']);
    expect(none.stdout).toMatch(/✗ model +none\.pth: cannot be read: there is no such .*\n +→ name files as/);
    const lost = mkdtempSync(join(tmpdir(), 'overtone-lost-'));
    onTestFinished(() => rmSync(lost, { recursive: true }));
    for (const name of ['overtone.json', 'config.json', 'tokenizer.json', 'kl16_tiny.ckpt'])
      copyFileSync(model(name), join(lost, name));
    expect((await overtone(['doctor', '--model', lost])).stdout).toMatch(
      /✗ model +.*: must hold the weights that its overtone\.json lists but has no harmon_tiny\.pth\n +→ run overtone convert again, or copy it there/,
    );
    const cut = start(['doctor', '--json', '--checkpoint', 'cut.pth', '--vae', model('kl16_tiny.ckpt')]);
    copyFileSync(model('tokenizer.json'), join(cut.folder, 'cut.pth'));
    expect(verdicts((await cut.ended).stdout)).toMatchObject({ model: 'failed' });
  });
});
