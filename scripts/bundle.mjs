/**
 * `npm run bench:bundle`: the benchmark as one archive for Linux machines that have a Vulkan driver and no network: Node, Dawn, the built
 * benchmark, the embedded model. Without the other engines. Unpacked and run by `tar xf overtone-bench.tar.xz && overtone-bench/run --quick`.
 */
import { chmodSync, copyFileSync, cpSync, mkdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { run } from './children.mjs';
import { setUp } from './setup.mjs';
import { files, read, root, say } from './workspace.mjs';

const NAME = 'overtone-bench';
const MOST_BYTES = 60e6;
const RUN = `#!/bin/sh
# The benchmark with the Node beside it; nothing is installed and nothing fetched.
here=$(cd "$(dirname "$0")" && pwd)
exec "$here/node" "$here/dist/bench/main.js" --no-peers "$@"
`;
/** What the benchmark's report needs beyond the package's own dependencies. */
const PLOTS = ['@observablehq/plot', 'linkedom'];

if (process.platform !== 'linux' || process.arch !== 'x64') {
  say(
    `The bundle is for linux-x64 and takes this machine's Node, which is for ${process.platform}-${process.arch}: make it there.`,
  );
  process.exit(1);
}
const unguard = await setUp('build');
const stage = join(root, 'out', NAME);
rmSync(stage, { recursive: true, force: true });
mkdirSync(stage, { recursive: true });

copyFileSync(process.execPath, join(stage, 'node'));
copyFileSync(join(root, 'package.json'), join(stage, 'package.json'));
copyFileSync(join(root, 'LICENSE'), join(stage, 'LICENSE'));
cpSync(join(root, 'models'), join(stage, 'models'), { recursive: true });
for (const path of files(join(root, 'dist')).filter((file) => file.endsWith('.js'))) copy(relative(root, path));
for (const path of closure()) copyPackage(path);
writeFileSync(join(stage, 'run'), RUN);
chmodSync(join(stage, 'run'), 0o755);

say('Packing with xz (about a minute)');
const archive = join(root, 'out', `${NAME}.tar.xz`);
const { code, output } = await run('tar', ['-C', join(root, 'out'), '-cJf', archive, NAME], {
  env: { ...process.env, XZ_OPT: '-9 -T0' },
});
rmSync(stage, { recursive: true });
unguard();
if (code !== 0) {
  say(`tar failed with code ${code}: ${output.trim()}`);
  process.exit(1);
}
const { size } = statSync(archive);
if (size > MOST_BYTES) say(`The archive must be under ${MOST_BYTES / 1e6} MB but is ${Math.round(size / 1e6)} MB.`);
process.exitCode = size > MOST_BYTES ? 1 : 0;
console.log(
  `${relative(process.cwd(), archive)}: ${(size / 1e6).toFixed(1)} MB; run it with\n  tar xf ${NAME}.tar.xz && ${NAME}/run --quick`,
);

function copy(path) {
  cpSync(join(root, path), join(stage, path), { recursive: true });
}

/** Folders of the packages that run, from the lock: what the package depends on, its optional parts left out, and what those depend on. */
function closure() {
  const { packages } = JSON.parse(read(join(root, 'package-lock.json')));
  const found = new Set();
  const add = (name, from) => {
    // as Node looks it up: beside whoever asks, then further out
    for (let at = from; ; at = at.includes('/node_modules/') ? at.slice(0, at.lastIndexOf('/node_modules/')) : '') {
      const path = `${at ? `${at}/` : ''}node_modules/${name}`;
      if (packages[path]) {
        if (found.has(path)) return;
        found.add(path);
        for (const dependency of Object.keys(packages[path].dependencies ?? {})) add(dependency, path);
        return;
      }
      if (at === '') throw new Error(`${name} is not in package-lock.json`);
    }
  };
  for (const name of [...Object.keys(packages[''].dependencies), ...PLOTS]) add(name, '');
  return found;
}

/** A package's code without what other systems, type checkers and debuggers read. */
function copyPackage(path) {
  const foreign = /(^|\/)dist\/(?!linux-x64)(darwin|linux|win32)-|\.(d\.[cm]?ts|map|md)$/;
  for (const file of files(join(root, path))) {
    const name = relative(join(root, path), file);
    if (!foreign.test(name)) copy(join(path, name));
  }
}
