/** `overtone doctor`: whether this machine can run a model, step by step; each failure with its cure. */
import { existsSync, readdirSync } from 'node:fs';
import { totalmem } from 'node:os';
import { dirname, join } from 'node:path';
import { FileError, OvertoneError, storedSize } from '../../src/engine/index.ts';
import { checkHarmon } from '../../src/harmon/declared.ts';
import type { Harmon } from '../../src/harmon/index.ts';
import { openDevice } from '../device.ts';
import { tryBytes, reasonOf } from '../files.ts';
import { type ModelFiles, type ModelPaths, harmonOf } from '../model.ts';
import { loadSharp } from '../pictures.ts';
import { megabytes } from './progress.ts';
import { type Context, openFiles } from './session.ts';
import { counted, visible } from './wording.ts';

export interface DoctorOptions extends ModelPaths {
  readonly json?: boolean;
}

/** What a step found; a `cure` makes it a failure. */
interface Finding {
  readonly found: string;
  readonly cure?: string;
}

interface Check extends Finding {
  readonly name: string;
  readonly verdict: 'ok' | 'failed' | 'skipped';
}

export async function doctor(options: DoctorOptions, context: Context): Promise<void> {
  const { print, signal } = context;
  const checks: Check[] = [];
  const report = (check: Check) => {
    checks.push(check);
    if (options.json) return;
    print(`${MARKS[check.verdict]} ${check.name.padEnd(9)} ${visible(check.found)}\n`);
    if (check.cure) print(`${' '.repeat(13)}→ ${visible(check.cure)}\n`);
  };
  /** Runs a step; `undefined` when it failed. */
  const check = async <T>(
    name: string,
    step: () => T | Promise<T>,
    finding: (result: T) => Finding,
  ): Promise<T | undefined> => {
    try {
      const result = await step();
      signal.throwIfAborted();
      const { found, cure } = finding(result);
      report({ name, verdict: cure === undefined ? 'ok' : 'failed', found, cure });
      return cure === undefined ? result : undefined;
    } catch (error) {
      if (signal.aborted) throw error;
      report({ name, verdict: 'failed', ...explain(error) });
      return undefined;
    }
  };
  const skip = (name: string, found: string) => report({ name, verdict: 'skipped', found });

  await check('node', () => process.versions.node, nodeFinding);
  await check('driver', vulkanDrivers, driverFinding);
  const device = await check('adapter', openDevice, ({ description }) => ({ found: description }));
  try {
    const files = await check(
      'model',
      () => readable(options, context),
      ({ config, weights }) => ({
        found: `${config.name}, ${counted(weights.tensors.size, 'tensor')}, ${megabytes(bytesOf(weights))}`,
      }),
    );
    try {
      if (files) await check('memory', () => memory(files), memoryFinding);
      else skip('memory', 'what the model needs is not known');
      if (files && device)
        await check(
          'picture',
          () => tryPicture(harmonOf(files, device, { ownsDevice: false }), signal),
          (seconds) => ({
            found: `a small one made and described in ${seconds.toFixed(1)} s`,
          }),
        );
      else skip('picture', 'needs an adapter and a model');
    } finally {
      await files?.close();
    }
  } finally {
    device?.destroy();
  }
  await check(
    'formats',
    () => loadSharp('JPEG'),
    () => ({ found: 'PNG, JPEG, WebP, GIF and TIFF' }),
  );
  await check(
    'folder',
    () => tryBytes('.', 1 << 20),
    () => ({ found: 'files can be written here' }),
  );

  const failed = checks.filter(({ verdict }) => verdict === 'failed');
  if (options.json) print(`${JSON.stringify({ ok: failed.length === 0, checks })}\n`);
  if (failed.length > 0)
    throw new FileError(
      `${counted(failed.length, 'check')} failed: ${failed.map(({ name }) => name).join(', ')}; the arrows say what helps`,
    );
}

const MARKS = { ok: '✓', failed: '✗', skipped: '–' } as const;

/** What went wrong, and the cure where the sentence has one after its last colon. */
function explain(error: unknown): Finding {
  const message = error instanceof Error ? error.message.split('\n')[0] : String(error);
  if (!(error instanceof OvertoneError))
    return { found: reasonOf(error), cure: 'install overtone-gpu again, with its optional packages' };
  const at = message.lastIndexOf(': ');
  return at < 0 || message.slice(0, at).endsWith('cannot be read')
    ? { found: message, cure: error instanceof FileError ? FILES : 'run `overtone text2image` and report what it says' }
    : { found: message.slice(0, at), cure: message.slice(at + 2) };
}

/** The cure where a sentence about files has none of its own. */
const FILES =
  'name files as their authors publish them (harmon_*.pth, kl16.ckpt) or a folder that `overtone convert` made; `overtone info FILE` shows what one holds';

function nodeFinding(version: string): Finding {
  const [major, minor] = version.split('.').map(Number);
  const found = `Node ${version} on ${process.platform} ${process.arch}`;
  return major > 20 || (major === 20 && minor >= 19) ? { found } : { found, cure: 'install Node 20.19 or newer' };
}

/** The Vulkan drivers that are installed, by their manifests; undefined where the system has its own API. */
function vulkanDrivers(): string[] | undefined {
  if (process.platform !== 'linux') return undefined;
  const named = process.env.VK_DRIVER_FILES ?? process.env.VK_ICD_FILENAMES;
  if (named) return named.split(':').filter((path) => existsSync(path));
  const folders = ['/usr/share', '/usr/local/share', '/etc', join(process.env.HOME ?? '/', '.local/share')];
  return folders.flatMap((folder) => {
    const at = join(folder, 'vulkan/icd.d');
    return existsSync(at)
      ? readdirSync(at)
          .filter((name) => name.endsWith('.json'))
          .map((name) => join(at, name))
      : [];
  });
}

function driverFinding(drivers: readonly string[] | undefined): Finding {
  if (!drivers)
    return {
      found: process.platform === 'darwin' ? 'Metal, which comes with macOS' : 'Direct3D 12, which comes with Windows',
    };
  const [first] = drivers;
  if (first !== undefined) return { found: `Vulkan: ${counted(drivers.length, 'driver')} in ${dirname(first)}` };
  const named = process.env.VK_DRIVER_FILES ?? process.env.VK_ICD_FILENAMES;
  return named
    ? {
        found: `no Vulkan driver at ${named}, which VK_DRIVER_FILES or VK_ICD_FILENAMES names`,
        cure: 'unset the variable, or let it name a driver',
      }
    : { found: 'no Vulkan driver', cure: 'install the one of your GPU, or mesa-vulkan-drivers 25 or newer' };
}

async function readable(paths: ModelPaths, context: Context): Promise<ModelFiles> {
  const files = await openFiles(paths, context);
  try {
    checkHarmon(files.weights, files.config);
    return files;
  } catch (error) {
    await files.close();
    throw error;
  }
}

const bytesOf = ({ tensors }: ModelFiles['weights']): number =>
  [...tensors.values()].reduce((sum, entry) => sum + storedSize(entry), 0);

/** Beside the weights, a run at the usual size needs about as much again as a small model, and Node itself. */
const BESIDE = 500e6;

function memory({ weights }: ModelFiles) {
  return { needed: bytesOf(weights) + BESIDE, free: process.availableMemory(), total: totalmem() };
}

function memoryFinding({ needed, free, total }: ReturnType<typeof memory>): Finding {
  const found = `${gigabytes(free)} free of ${gigabytes(total)}, about ${gigabytes(needed)} needed`;
  return free >= needed ? { found } : { found, cure: 'end other programs, or take a smaller model or one in bf16' };
}

const gigabytes = (bytes: number): string => `${(bytes / 1e9).toFixed(1)} GB`;

/** Seconds of a picture of 32 pixels and its first words. */
async function tryPicture(harmon: Harmon, signal: AbortSignal): Promise<number> {
  const began = performance.now();
  try {
    const [picture] = await harmon.generate({
      prompt: 'a dog',
      imageSize: 32,
      iterations: 2,
      timesteps: 4,
      seed: 1,
      signal,
    });
    for await (const _ of harmon.describe(picture, { imageSize: 32, maxNewTokens: 4, signal }));
    return (performance.now() - began) / 1000;
  } finally {
    harmon.destroy();
  }
}
