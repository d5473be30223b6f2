/**
 * The published library and command line. Unbundled: dist mirrors the sources file by file, so all entries share one
 * copy of each class, and stack traces read like the sources. Only what a page loads by its address is in one piece:
 * the worker, for which import maps do not count, and the library for pages without a bundler.
 */
import { defineConfig } from 'tsdown';
import { wgslText } from './scripts/wgsl_text.mjs';

const ENTRIES = [
  'src/engine/index.ts',
  'src/harmon/index.ts',
  'node/index.ts',
  'node/main.ts',
  'web/index.ts',
  'bench/score.ts',
];
/** The benchmark finds its case lists and starts its processes by path. */
const BENCH = ['bench/main.ts', 'bench/peer_process.ts', 'tests/cases/*.ts'];
/** The maker of fixtures, the fuzzer, the process it starts by path, and long use of a process. */
const TESTS = ['tests/fixture/main.ts', 'tests/fuzz/main.ts', 'tests/fuzz/child.ts', 'tests/soak/main.ts'];

/** What modules of `web` find beside themselves: in dist the worker is JavaScript, and the models lie one folder further up. */
const addresses = {
  name: 'addresses',
  transform: (code: string, id: string) =>
    /[\\/]web[\\/](own_worker|embedded)\.ts$/.test(id)
      ? code.replaceAll("'./worker.ts'", "'./worker.js'").replaceAll("'../models/", "'../../models/")
      : undefined,
};

const common = {
  root: '.',
  outDir: 'dist',
  format: 'esm' as const,
  fixedExtension: false,
  logLevel: 'error' as const,
  plugins: [wgslText, addresses],
};

/** One file with all that it imports. */
const bundle = (name: string, entry: string) => ({
  ...common,
  entry: { [name]: entry },
  platform: 'browser' as const,
  target: 'es2023',
  deps: { alwaysBundle: [/./], onlyBundle: false as const },
  minify: true,
  dts: false,
  clean: false,
});

export default defineConfig([
  {
    ...common,
    entry: [...ENTRIES, ...BENCH, ...TESTS],
    clean: ['dist/*', '!dist/page'],
    platform: 'neutral',
    deps: { neverBundle: [/^node:/, '@observablehq/plot', 'linkedom'] },
    target: 'node20.19',
    unbundle: true,
    dts: true,
  },
  bundle('web/worker', 'web/worker.ts'),
  bundle('web/overtone', 'web/index.ts'),
]);
