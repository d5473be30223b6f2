/** Each entry of the library in one minified file with all that it imports, to be measured: `npm run size`. */
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { defineConfig } from 'tsdown';
import { wgslText } from './scripts/wgsl_text.mjs';

const ENGINE = 'src/engine/index.ts';
const ENTRIES = {
  core: `${ENGINE}?core`,
  engine: ENGINE,
  harmon: 'src/harmon/index.ts',
  web: 'web/index.ts',
  worker: 'web/worker.ts',
};

/**
 * The engine's index without readers of checkpoints, tuner, check of magnitudes, reports and the ops of Harmon's diffusion head: what a bundler leaves of it for a page
 * that brings its own model and weights.
 */
const core = {
  name: 'core',
  resolveId: (id: string) => (id.endsWith('?core') ? resolve(id) : undefined),
  load(id: string) {
    if (!id.endsWith('?core')) return undefined;
    const statements = readFileSync(ENGINE, 'utf8').split(';');
    const kept = statements.filter(
      (statement) => !/'\.\/(formats\/|tune|timer|range_watch|ops\/diffusion)/.test(statement),
    );
    const code = kept.join(';').replace(/\b(planText|plannedBytes|dequantise),? ?/g, '');
    return { code, moduleType: 'ts' as const };
  },
};

export default defineConfig(
  Object.entries(ENTRIES).map(([name, entry]) => ({
    entry: { [name]: entry },
    root: '.',
    outDir: 'out/size',
    format: 'esm' as const,
    platform: 'browser' as const,
    target: 'es2023',
    plugins: [core, wgslText],
    deps: { alwaysBundle: [/./], onlyBundle: false as const },
    minify: true,
    dts: false,
    clean: false,
    fixedExtension: false,
    logLevel: 'error' as const,
  })),
);
