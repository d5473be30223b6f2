/**
 * The published library and command line. Unbundled: dist mirrors the sources file by file, so all entries share one
 * copy of each class, and stack traces read like the sources.
 */
import { existsSync } from 'node:fs';
import { defineConfig } from 'tsdown';

const ENTRIES = ['src/engine/index.ts', 'src/harmon/index.ts', 'node/index.ts', 'node/main.ts', 'bench/score.ts'];

export default defineConfig({
  entry: ENTRIES.filter((path) => existsSync(path)),
  root: '.',
  outDir: 'dist',
  format: 'esm',
  platform: 'neutral',
  deps: { neverBundle: [/^node:/] },
  target: 'node20.19',
  unbundle: true,
  dts: true,
  fixedExtension: false,
  logLevel: 'warn',
});
