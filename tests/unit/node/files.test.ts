import { execFileSync } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readFile, readdir, rm, stat, symlink, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { open, rename } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { type WriteCalls, fileSource, removeUnfinished, tryBytes, writeFileAtomic } from '../../../node/files.ts';
import { AbortError, ArgumentError, FileError } from '../../../src/engine/index.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'overtone-files-'));
});
afterEach(async () => {
  await rm(folder, { recursive: true });
});

const bytes = Uint8Array.from({ length: 1000 }, (_, i) => i * 7);

describe('fileSource', () => {
  const withFile = async () => {
    const path = join(folder, 'weights');
    await writeFile(path, bytes);
    return { path, source: await fileSource(path) };
  };

  it('reads ranges, in any order and at once', async () => {
    const { path, source } = await withFile();
    expect([source.name, source.size]).toEqual([path, 1000]);
    const ranges = [
      [990, 10],
      [0, 1000],
      [3, 0],
      [1000, 0],
      [500, 1],
    ] as const;
    const parts = await Promise.all(ranges.map(([at, length]) => source.read(at, length)));
    parts.forEach((part, i) => expect(part).toEqual(bytes.slice(ranges[i][0], ranges[i][0] + ranges[i][1])));
    await source.close();
  });

  it.each([
    [-1, 1],
    [0, 1001],
    [1000, 1],
    [0.5, 1],
    [0, -1],
    [0, NaN],
  ])('refuses the range %f + %f', async (at, length) => {
    const { source } = await withFile();
    await expect(source.read(at, length)).rejects.toThrow(ArgumentError);
    await source.close();
  });

  it('stops for an abort', async () => {
    const { source } = await withFile();
    await expect(source.read(0, 10, AbortSignal.abort())).rejects.toThrow(AbortError);
    await source.close();
  });

  it('notices a file that has become shorter', async () => {
    const { path, source } = await withFile();
    await truncate(path, 100);
    await expect(source.read(90, 20)).rejects.toThrow(
      `${path}: must have 1000 bytes as when it was opened but ends at 100`,
    );
    await source.close();
  });

  it('says what is wrong with a path', async () => {
    const missing = join(folder, 'none');
    await expect(fileSource(missing)).rejects.toThrow(`${missing}: cannot be read: there is no such file or folder`);
    await expect(fileSource(folder)).rejects.toThrow(`${folder}: must be a file but is a folder`);
    await expect(fileSource('/dev/zero')).rejects.toThrow('/dev/zero: must be a file but is a device');
  });

  it('refuses a pipe that nobody writes to, and does not wait for it', async () => {
    const pipe = join(folder, 'pipe');
    execFileSync('mkfifo', [pipe]);
    await expect(fileSource(pipe)).rejects.toThrow(`${pipe}: must be a file but is a pipe`);
  }, 2000);
});

/** The system's calls, the n-th of which (from 1) fails; counts them in `calls`. */
function failing(n: number): WriteCalls & { calls: string[] } {
  const calls: string[] = [];
  const step = async <T>(name: string, run: () => Promise<T>): Promise<T> => {
    if (calls.push(name) === n) throw Object.assign(new Error('no space left'), { code: 'ENOSPC' });
    return run();
  };
  return {
    calls,
    open: (path, flags) =>
      step('open', async () => {
        const handle = await open(path, flags);
        return {
          // A failing write leaves half of it behind.
          writeFile: (data) =>
            step('write', () => handle.writeFile(data)).catch(async (error) => {
              await handle.writeFile(data.subarray(0, data.length / 2));
              throw error;
            }),
          chmod: (mode) => step('chmod', () => handle.chmod(mode)),
          sync: () => step('sync', () => handle.sync()),
          close: () =>
            step('close', () => handle.close()).catch(async (error) => {
              await handle.close();
              throw error;
            }),
        };
      }),
    rename: (from, to) => step('rename', () => rename(from, to)),
    remove: (path) => rm(path, { force: true }),
  };
}

describe('writeFileAtomic', () => {
  it('writes beside, flushes, renames and flushes the folder, in this order', async () => {
    const path = join(folder, 'picture.png');
    const system = failing(0);
    await writeFileAtomic(path, bytes, system);
    expect(system.calls).toEqual(['open', 'write', 'sync', 'close', 'rename', 'open', 'sync', 'close']);
    await writeFileAtomic(path, bytes.slice(0, 10));
    expect(new Uint8Array(await readFile(path))).toEqual(bytes.slice(0, 10));
    expect(await readdir(folder)).toEqual(['picture.png']);
  });

  it('leaves the old file or the whole new one, and nothing beside, whichever call fails', async () => {
    const path = join(folder, 'picture.png');
    for (let n = 1; n <= 9; n++) {
      await writeFile(path, 'old');
      await expect(writeFileAtomic(path, bytes, failing(n))).rejects.toThrow(
        new FileError(`${path}: cannot be written: the disk is full`),
      );
      const renamed = n > 6;
      expect(new Uint8Array(await readFile(path))).toEqual(renamed ? bytes : new TextEncoder().encode('old'));
      expect(await readdir(folder)).toEqual(['picture.png']);
    }
  });

  it('leaves nothing where there was nothing', async () => {
    for (let n = 1; n <= 5; n++) {
      await expect(writeFileAtomic(join(folder, 'new'), bytes, failing(n))).rejects.toThrow(FileError);
      expect(await readdir(folder)).toEqual([]);
    }
  });

  it('takes a folder that cannot be flushed as it is', async () => {
    const system = failing(0);
    const unflushable: WriteCalls = {
      ...system,
      open: (path, flags) =>
        path === folder ? Promise.reject(Object.assign(new Error(), { code: 'EISDIR' })) : system.open(path, flags),
    };
    await writeFileAtomic(join(folder, 'new'), bytes, unflushable);
    expect(await readdir(folder)).toEqual(['new']);
  });

  it('follows a link and refuses what is no file', async () => {
    await mkdir(join(folder, 'sub'));
    await writeFile(join(folder, 'sub', 'target'), 'old');
    await symlink(join(folder, 'sub', 'target'), join(folder, 'link'));
    await writeFileAtomic(join(folder, 'link'), bytes);
    expect(new Uint8Array(await readFile(join(folder, 'sub', 'target')))).toEqual(bytes);
    expect((await readdir(folder)).sort()).toEqual(['link', 'sub']);
    await expect(writeFileAtomic(join(folder, 'sub'), bytes)).rejects.toThrow(
      'must be a file to write but is a folder',
    );
    await expect(writeFileAtomic('/dev/null', bytes)).rejects.toThrow('must be a file to write but is a device');
    await expect(writeFileAtomic(join(folder, 'a', 'b'), bytes)).rejects.toThrow('there is no such file or folder');
  });
});

describe('a file that is written', () => {
  it.each(['a'.repeat(251), '犬'.repeat(83)])('may have any name that the system takes: %s', async (name) => {
    await writeFileAtomic(join(folder, `${name}.png`), bytes);
    expect(await readdir(folder)).toEqual([`${name}.png`]);
  });

  it.each([0o600, 0o666])('keeps the mode %o of the one it replaces', async (mode) => {
    const path = join(folder, 'picture.png');
    await writeFile(path, 'old');
    await chmod(path, mode);
    await writeFileAtomic(path, bytes);
    expect((await stat(path)).mode & 0o777).toBe(mode);
  });

  it('comes to lie where a link to no file yet leads', async () => {
    await mkdir(join(folder, 'sub'));
    await symlink('sub/new', join(folder, 'link'));
    await writeFileAtomic(join(folder, 'link'), bytes);
    expect(await readdir(join(folder, 'sub'))).toEqual(['new']);
    expect(new Uint8Array(await readFile(join(folder, 'link')))).toEqual(bytes);
    await symlink('circle', join(folder, 'circle'));
    await expect(writeFileAtomic(join(folder, 'circle'), bytes)).rejects.toThrow('its links lead in a circle');
  });
});

it('tries a folder with as many bytes as are wanted, and leaves none of them', async () => {
  const system = failing(0);
  await tryBytes(folder, 3 * 2 ** 20 + 1, undefined, system);
  expect(system.calls).toEqual(['open', 'write', 'write', 'write', 'write', 'close']);
  expect(await readdir(folder)).toEqual([]);
  await expect(tryBytes(folder, 3 * 2 ** 20, undefined, failing(3))).rejects.toMatchObject({ code: 'ENOSPC' });
  await expect(tryBytes(folder, 2 ** 40, AbortSignal.abort())).rejects.toThrow(AbortError);
  expect(await readdir(folder)).toEqual([]);
});

it('removes what a write under way has put beside its path when the process must end', async () => {
  const path = join(folder, 'picture.png');
  await writeFile(path, 'old');
  let go: () => void = () => undefined;
  const held = new Promise<void>((resolve) => (go = resolve));
  const calls: WriteCalls = { open, rename: () => held, remove: (name) => rm(name, { force: true }) };
  const writing = writeFileAtomic(path, bytes, calls);
  await expect.poll(() => readdir(folder)).toHaveLength(2);
  removeUnfinished();
  expect(await readdir(folder)).toEqual(['picture.png']);
  expect(await readFile(path, 'utf8')).toBe('old');
  go();
  await writing;
  removeUnfinished();
  expect(await readFile(path, 'utf8')).toBe('old');
});
