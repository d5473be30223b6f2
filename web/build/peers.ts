/** The other engines of the page's benchmark: in the build where their packages are installed (npm ci in bench/peers), and otherwise left out. */
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Plugin } from 'vite';

const path = (name: string) => fileURLToPath(new URL(`../../bench/${name}`, import.meta.url));
const OPENS = path('peers/in_page.ts');
const WORKER = path('page/peer_worker.ts');
const PACKAGES = path('peers/node_modules/');

export const peersInstalled = existsSync(`${PACKAGES}.package-lock.json`);

/** Leaves the engines out where they are not there. */
export const peers = (): Plugin => ({
  name: 'overtone-peers',
  load: (id) => (id === OPENS && !peersInstalled ? 'export const open = {};' : undefined),
});

interface Chunk {
  readonly facadeModuleId: string | null;
  readonly moduleIds: readonly string[];
}

/** What is made of them has a folder of its own: the page keeps none of it for when the network is off. */
const named = (theirs: boolean) => `${theirs ? 'peers' : 'assets'}/[name]-[hash]`;
const chunkNames = ({ facadeModuleId, moduleIds }: Chunk) =>
  `${named(facadeModuleId === WORKER || moduleIds.some((id) => id.startsWith(PACKAGES)))}.js`;

export const peerFileNames = {
  entryFileNames: chunkNames,
  chunkFileNames: chunkNames,
  assetFileNames: ({ names }: { readonly names: readonly string[] }) =>
    `${named(names.some((name) => name.startsWith('ort-wasm')))}[extname]`,
};
