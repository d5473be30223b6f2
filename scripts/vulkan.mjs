/** A Vulkan driver that works with Dawn: looks for one, and installs Mesa's lavapipe or SwiftShader with apt where it may. */
import { existsSync, openSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import * as apt from './apt.mjs';
import { run } from './children.mjs';
import { driversFingerprint, driverVariable } from './drivers.mjs';
import { LOG, read, root, say, SetupError, stamp } from './workspace.mjs';

const PROBE = `import { create, globals } from 'webgpu';
Object.assign(globalThis, globals);
globalThis.gpu = create([]);
process.exit((await gpu.requestAdapter({ powerPreference: 'high-performance' })) ? 0 : 1);`;
const MESA = ['mesa-vulkan-drivers', 'libvulkan1'];
const BACKPORTS = '/etc/apt/sources.list.d/overtone-backports.sources';

/** True when Dawn gets an adapter, from the driver of `manifest` or from any. */
async function works(manifest) {
  if (manifest && !existsSync(manifest)) return false;
  const env = manifest ? { ...process.env, VK_DRIVER_FILES: manifest } : process.env;
  const found = await run(process.execPath, ['--input-type=module', '-e', PROBE], {
    cwd: root,
    env,
    timeoutMs: 30_000,
  });
  return found.code === 0;
}

/** Makes sure that `manifest`'s driver (any driver, when undefined) works, installing `kind` when none does. */
async function ensureDriver(kind, manifest, install) {
  const facts = () => driversFingerprint() + read(join(root, 'node_modules/webgpu/package.json'));
  const done = stamp(`driver-${manifest ? kind : 'any'}`);
  if (done.matches(facts()) && (!manifest || existsSync(manifest))) return;
  if (!(await works(manifest))) {
    const name = manifest ? undefined : driverVariable();
    if (name)
      throw new SetupError(
        `Dawn finds no adapter while ${name} is ${JSON.stringify(process.env[name])}: unset ${name}, or let it name a driver that works.`,
      );
    await install();
    if (!(await works(manifest)))
      throw new SetupError(`${kind} is installed, but Dawn gets no adapter from it (log: ${LOG}).`);
  }
  done.write(facts());
}

export const ensureVulkan = (manifest) => ensureDriver('a Vulkan driver', manifest, installMesa);
export const ensureSwiftShader = (manifest) =>
  ensureDriver('SwiftShader', manifest, () => aptInstall('SwiftShader driver', ['chromium']));

async function installMesa() {
  const { id, codename } = release();
  const backports = id === 'debian' && codename === 'bookworm'; // its own Mesa 22.3 is too old for Dawn
  const sources = backports ? readSources() : [];
  const mirror = apt.debianMirror(sources, codename);
  await aptInstall('Vulkan driver', MESA, backports ? `${codename}-backports` : '', () => {
    if (!backports || apt.hasBackports(sources, codename)) return;
    if (!mirror)
      throw new SetupError(
        `No apt source names Debian's ${codename} main: add ${codename}-backports and install ${MESA.join(' ')}.`,
      );
    say(`Adding ${codename}-backports of ${mirror.uri} in ${BACKPORTS}`);
    writeFileSync(BACKPORTS, apt.backportsSource(mirror, codename));
  });
}

/** Installs `packages` (from `suite` if given), after `prepare`; three tries. Only root on Debian or Ubuntu may. */
async function aptInstall(what, packages, suite = '', prepare = () => {}) {
  const target = suite ? ['-t', suite] : [];
  const command = `apt-get install ${[...target, ...packages].join(' ')}`;
  const isApt = release().like.some((name) => name === 'debian' || name === 'ubuntu') && existsSync('/usr/bin/apt-get');
  if (!isApt)
    throw new SetupError(
      `No working ${what} here: install ${packages[0]} with this system's package manager, or your GPU's driver.`,
    );
  if (process.getuid() !== 0)
    throw new SetupError(
      `No working ${what} here: run "${command}" as root${suite ? ` (with ${suite} among apt's sources)` : ''}.`,
    );
  prepare();
  say(`Installing a ${what} with apt: ${packages.join(' ')} (a few minutes; log: ${LOG})`);
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  const patience = [
    'Acquire::Retries=3',
    'Acquire::http::Timeout=60',
    'DPkg::Lock::Timeout=300',
    'Dpkg::Use-Pty=0',
  ].flatMap((o) => ['-o', o]);
  const log = openSync(LOG, 'a');
  const logged = (program, args) => run(program, args, { env, stdio: ['ignore', log, log] });
  for (let attempt = 1; ; attempt++) {
    await logged('dpkg', ['--configure', '-a']); // what an interrupted set-up left
    await logged('apt-get', [...patience, 'update']); // a third-party source that fails must not stop us: the installation decides
    const { code } = await logged('apt-get', [
      ...patience,
      'install',
      '-y',
      '--no-install-recommends',
      ...target,
      ...packages,
    ]);
    if (code === 0) return;
    if (attempt === 3) throw new SetupError(`"${command}" failed with code ${code}: see ${LOG}.`);
    await sleep(5000);
  }
}

const release = () => apt.parseOsRelease(read('/etc/os-release'));

function readSources() {
  const parts = '/etc/apt/sources.list.d';
  const names = existsSync(parts) ? readdirSync(parts).sort() : [];
  return ['/etc/apt/sources.list', ...names.map((name) => join(parts, name))].flatMap((path) => {
    if (path.endsWith('.list')) return apt.parseOneLine(read(path));
    return path.endsWith('.sources') ? apt.parseDeb822(read(path)) : [];
  });
}
