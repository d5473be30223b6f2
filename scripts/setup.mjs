/**
 * Set-up on a bare machine: the Node version, the packages, the build, a Vulkan driver. Each step looks first whether it
 * is done, so a finished set-up costs a fraction of a second. Uses nothing but Node's own modules: it runs before npm ci.
 */
import { appendFileSync, existsSync, mkdirSync } from 'node:fs';
import { basename, extname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { followNpm, guard, run } from './children.mjs';
import { chromiumPath, swiftshader, testAdapters } from './drivers.mjs';
import { takeLock } from './lock.mjs';
import { ensureSwiftShader, ensureVulkan } from './vulkan.mjs';
import { files, LOG, read, root, say, SetupError, stamp, state } from './workspace.mjs';

/** What a build depends on: text. Weights of a model are told by the model's other files. */
const SOURCE = /\.(ts|tsx|css|html|json|svg)$/;

/**
 * Sets up what `kind` needs: 'start' any Vulkan driver, 'peers' also the engines that the benchmark compares with, 'tests' every adapter that
 * the tests run on, Chromium and the page, 'browser' Chromium and the page alone, 'build' none of these.
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
    if (process.platform === 'linux' && ['tests', 'browser'].includes(kind)) {
      await ensurePage();
      for (const { manifest } of testAdapters()) {
        if (manifest === swiftshader())
          await ensureSwiftShader(manifest); // with it comes Chromium
        else if (kind === 'tests') await ensureVulkan(manifest);
      }
      if (!existsSync(chromiumPath()))
        throw new SetupError(
          `${chromiumPath()} must be Debian's Chromium but is not there: install the package chromium.`,
        );
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
const ensureBuild = () =>
  ensureBuilt('build', {
    what: 'dist',
    from: [
      'src',
      'shaders',
      'node',
      'web',
      'bench',
      ...['cases', 'fixture', 'fuzz', 'support'].map((name) => `tests/${name}`),
      'tsdown.config.ts',
    ],
    makes: 'dist/src/engine/index.js',
    by: [join(root, 'node_modules/tsdown/dist/run.mjs')],
  });

/** Builds dist/page likewise. */
const ensurePage = () =>
  ensureBuilt('page', {
    what: 'the page',
    from: ['src', 'shaders', 'web', 'models', 'bench', 'tests/cases'],
    makes: 'dist/page/index.html',
    by: [join(root, 'node_modules/vite/bin/vite.js'), 'build', '--config', 'web/vite.config.ts'],
  });

async function ensureBuilt(name, { what, from, makes, by }) {
  const shared = ['package.json', 'package-lock.json', 'tsconfig.base.json'];
  const paths = [...shared, ...from].flatMap((path) => (extname(path) ? [join(root, path)] : files(join(root, path))));
  const sources = paths
    .filter((path) => SOURCE.test(path))
    .map((path) => `${relative(root, path)}\n${read(path)}`)
    .join('\0');
  const done = stamp(name);
  if (done.matches(sources) && existsSync(join(root, makes))) return;
  done.clear();
  say(`Building ${what}`);
  await step(`The build of ${what}`, process.execPath, by);
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
