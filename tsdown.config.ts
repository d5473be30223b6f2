/**
 * The published library and command line. Unbundled: dist mirrors the sources file by file, so all entries share one
 * copy of each class, and stack traces read like the sources.
 */
import { defineConfig } from 'tsdown';

const ENTRIES = ['src/engine/index.ts', 'src/harmon/index.ts', 'node/index.ts', 'node/main.ts', 'bench/score.ts'];
/** The benchmark finds its case lists and starts its processes by path. */
const BENCH = ['bench/main.ts', 'bench/peer_process.ts', 'tests/cases/*.ts'];
/** The fuzzer, and the process it starts by path. */
const FUZZ = ['tests/fuzz/main.ts', 'tests/fuzz/child.ts'];

export default defineConfig({
  entry: [...ENTRIES, ...BENCH, ...FUZZ],
  root: '.',
  outDir: 'dist',
  clean: ['dist/*', '!dist/page'],
  format: 'esm',
  platform: 'neutral',
  deps: { neverBundle: [/^node:/, '@observablehq/plot', 'linkedom'] },
  target: 'node20.19',
  unbundle: true,
  dts: true,
  fixedExtension: false,
  logLevel: 'warn',
});
