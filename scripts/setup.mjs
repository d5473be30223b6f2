/**
 * Set-up on a bare machine: the Node version, the packages, the build, a Vulkan driver. Each step looks first whether it
 * is done, so a finished set-up costs a fraction of a second. Uses nothing but Node's own modules: it runs before npm ci.
 */
import { appendFileSync, existsSync, mkdirSync } from 'node:fs';
import { basename, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { followNpm, guard, run } from './children.mjs';
import { swiftshader, testAdapters } from './drivers.mjs';
import { takeLock } from './lock.mjs';
import { ensureSwiftShader, ensureVulkan } from './vulkan.mjs';
import { files, LOG, read, root, say, SetupError, stamp, state } from './workspace.mjs';

/**
 * Sets up what `kind` needs: 'start' any Vulkan driver, 'peers' also the engines that the benchmark compares with, 'tests' every adapter that
 * the tests run on, 'build' none of these.
 * Resolves to a function that stops answering signals; until it is called, a signal ends all children and this process.
 * Exits with one sentence when it cannot go on.
 */
export async function setUp(kind) {
  let release = () => {};
  followNpm();
  const unguard = guard(() => release());
  try {
    checkNode();
    mkdirSync(state, { recursive: true });
    release = await takeLock(join(state, 'setup.lock'), (pid) => say(`Waiting for the set-up of process ${pid}`));
    await ensurePackages(root, 'the JavaScript packages');
    if (kind === 'peers') await ensurePackages(join(root, 'bench/peers'), 'the engines to compare with');
    await ensureBuild();
    if (process.platform === 'linux' && ['start', 'peers'].includes(kind)) await ensureVulkan();
    if (process.platform === 'linux' && kind === 'tests') {
      for (const { manifest } of testAdapters()) {
        await (manifest === swiftshader() ? ensureSwiftShader(manifest) : ensureVulkan(manifest));
      }
    }
  } catch (error) {
    if (!(error instanceof SetupError || error.syscall)) throw error;
    say(error.message);
    process.exit(1);
  } finally {
    release();
    release = () => {};
  }
  return unguard;
}

function checkNode() {
  const [major, minor] = process.versions.node.split('.').map(Number);
  if (major > 20 || (major === 20 && minor >= 19)) return;
  throw new SetupError(`Overtone needs Node 20.19 or newer, and this is ${process.version}: install a newer Node.`);
}

/**
 * Installs what the lock of a folder asks for. npm writes node_modules/.package-lock.json when it is done: all of it must be in there (optional
 * parts may be for other systems).
 */
async function ensurePackages(folder, what) {
  const packages = (path) => Object.entries(JSON.parse(read(path) || '{}').packages ?? {});
  const installed = new Map(packages(join(folder, 'node_modules/.package-lock.json')));
  const differs = ([path, { version, integrity, optional }]) =>
    path && !optional && (installed.get(path)?.version !== version || installed.get(path)?.integrity !== integrity);
  if (!packages(join(folder, 'package-lock.json')).some(differs)) return;
  say(`Installing ${what} with npm ci (about a minute; log: ${LOG})`);
  const args = 'ci --no-fund --no-audit --ignore-scripts --include=dev --include=optional'.split(' ');
  const cli = process.env.npm_execpath ?? '';
  if (basename(cli) === 'npm-cli.js') await step('npm ci', process.execPath, [cli, ...args], { cwd: folder });
  else await step('npm ci', 'npm', args, { cwd: folder, shell: process.platform === 'win32' });
}

/** Builds dist when a source has changed since the last build. */
async function ensureBuild() {
  const folders = ['src', 'shaders', 'node', 'bench', 'tests/cases', 'tests/fuzz', 'tests/support'].flatMap((name) =>
    files(join(root, name)).filter((path) => path.endsWith('.ts')),
  );
  const single = ['package.json', 'package-lock.json', 'tsconfig.base.json', 'tsdown.config.ts'];
  const paths = [...single.map((name) => join(root, name)), ...folders];
  const sources = paths.map((path) => `${relative(root, path)}\n${read(path)}`).join('\0');
  const done = stamp('build');
  if (done.matches(sources) && existsSync(join(root, 'dist/src/engine/index.js'))) return;
  done.clear();
  say('Building dist');
  await step('The build', process.execPath, [join(root, 'node_modules/tsdown/dist/run.mjs')]);
  done.write(sources);
}

/** Runs one command of the set-up into the log; a failure shows the end of what it printed. */
async function step(what, command, args, options = {}) {
  const { code, output } = await run(command, args, { cwd: root, ...options });
  appendFileSync(LOG, output);
  const lines = output.split('\n').filter((line) => line.trim() && !/^ +at /.test(line));
  const end = lines.slice(-15).join('\n');
  if (code !== 0) throw new SetupError(`${what} failed with code ${code} (log: ${LOG}):\n${end}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) (await setUp(process.argv[2] ?? 'start'))();
