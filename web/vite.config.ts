/** The page as static files: dist/page, for any host and any path. */
import { dirname, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vite';
import { installable } from './build/installable.ts';
import { peerFileNames, peers, peersInstalled } from './build/peers.ts';
import { policy } from './build/policy.ts';

const here = dirname(fileURLToPath(import.meta.url));

export default defineConfig({
  root: here,
  base: './',
  plugins: [installable(), policy()],
  build: { outDir: resolve(here, '../dist/page'), emptyOutDir: true, target: 'es2023', assetsInlineLimit: 0 },
  define: { 'import.meta.env.OVERTONE_PEERS': JSON.stringify(peersInstalled) },
  worker: { format: 'es', plugins: () => [peers()], rolldownOptions: { output: peerFileNames } },
  server: { fs: { allow: [resolve(here, '..')] } },
});
