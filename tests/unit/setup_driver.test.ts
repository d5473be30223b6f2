/** Set-up on machines where it must not install a driver, and on a full disk. Its programs are stand-ins that tell when they are run. */
import { spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';

let folder: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'overtone-setup-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const script = (name: string) => new URL(`../../scripts/${name}`, import.meta.url).href;

it.each(['VK_DRIVER_FILES', 'VK_ICD_FILENAMES'])(
  'installs nothing while %s chooses a driver that is none',
  (name) => {
    for (const program of ['apt-get', 'dpkg']) {
      writeFileSync(join(folder, program), `#!/bin/sh\n: > "${folder}/installed"\n`);
      chmodSync(join(folder, program), 0o755);
    }
    const env = { ...process.env, PATH: folder, VK_DRIVER_FILES: undefined, [name]: '/none.json' };
    const code = `(await import('${script('vulkan.mjs')}')).ensureVulkan().catch((e) => console.log(e.constructor.name, e.message))`;
    const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', code], { env, encoding: 'utf8' });
    expect(readdirSync(folder).sort()).toEqual(['apt-get', 'dpkg']);
    expect(stdout).toBe(
      `SetupError Dawn finds no adapter while ${name} is "/none.json": unset ${name}, or let it name a driver that works.\n`,
    );
  },
  60_000,
);

it('leaves no lock behind that could not be written', () => {
  const code = `(await import('${script('lock.mjs')}')).takeLock('${folder}/lock').catch((e) => console.log(e.code))`;
  const { stdout } = spawnSync(
    'bash',
    ['-c', 'ulimit -f 0; exec "$@" | cat', 'bash', process.execPath, '--input-type=module', '-e', code],
    {
      encoding: 'utf8',
    },
  );
  expect(stdout).toBe('EFBIG\n');
  expect(readdirSync(folder)).toEqual([]);
});
