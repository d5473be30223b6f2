/** What makes the built page an application: its manifest, its icons, and the service worker with the list of what it keeps. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type Plugin, transformWithOxc } from 'vite';
import { iconPng, iconSvg } from './icons.ts';

const SERVICE_WORKER = fileURLToPath(new URL('../offline/service_worker.ts', import.meta.url));
const COLOUR = '#1f1b2e';

const MANIFEST = {
  name: 'Overtone',
  short_name: 'Overtone',
  description: 'Makes pictures from words and describes pictures, on this device alone.',
  start_url: './',
  scope: './',
  id: './',
  display: 'standalone',
  background_color: COLOUR,
  theme_color: COLOUR,
  icons: [
    { src: 'icon.svg', type: 'image/svg+xml', sizes: 'any' },
    { src: 'icon-192.png', type: 'image/png', sizes: '192x192' },
    { src: 'icon-512.png', type: 'image/png', sizes: '512x512' },
    { src: 'icon-maskable-512.png', type: 'image/png', sizes: '512x512', purpose: 'maskable' },
  ],
};

/** Weights and the list that they are checked against. */
const isModel = (name: string) =>
  /harmon-tiny|harmon_tiny|kl16_tiny|\/(overtone|config|tokenizer)-[\w-]+\.json$/.test(name);
/** Other engines are fetched when they are asked for, and only then. */
const isLater = (name: string) => /(^|\/)peers\//.test(name) || name.endsWith('.map');

const icons = () => ({
  'icon.svg': iconSvg(),
  'icon-192.png': iconPng(192),
  'icon-512.png': iconPng(512),
  'icon-maskable-512.png': iconPng(512, { whole: true }),
});

export const installable = (): Plugin => ({
  name: 'overtone-installable',
  apply: 'build',
  transformIndexHtml: () =>
    [
      { tag: 'link', attrs: { rel: 'manifest', href: './manifest.webmanifest' } },
      { tag: 'link', attrs: { rel: 'icon', type: 'image/svg+xml', href: './icon.svg' } },
      { tag: 'link', attrs: { rel: 'apple-touch-icon', href: './icon-192.png' } },
      { tag: 'meta', attrs: { name: 'theme-color', content: COLOUR } },
    ].map((tag) => ({ ...tag, injectTo: 'head' as const })),
  generateBundle: {
    order: 'post',
    async handler(_, bundle) {
      const names = Object.keys(bundle).filter((name) => !isLater(name));
      const made = { 'manifest.webmanifest': JSON.stringify(MANIFEST), ...icons() };
      const hash = createHash('sha256').update(JSON.stringify(made));
      for (const name of names.filter((name) => !isModel(name)).sort()) {
        const file = bundle[name];
        hash.update(`${name}\0`).update(file.type === 'chunk' ? file.code : file.source);
      }
      const page = [...names.filter((name) => !isModel(name) && name !== 'index.html'), ...Object.keys(made)].sort();
      const text = readFileSync(SERVICE_WORKER, 'utf8')
        .replaceAll(/^declare const (self|__).*$/gm, '')
        .replaceAll('__VERSION__', JSON.stringify(hash.digest('hex').slice(0, 16)))
        .replaceAll('__PAGE__', JSON.stringify(['./', ...page]))
        .replaceAll('__MODEL__', JSON.stringify(names.filter(isModel).sort()));
      const { code } = await transformWithOxc(text, 'service_worker.ts', { sourcemap: false });
      for (const [fileName, source] of Object.entries({ ...made, 'service_worker.js': code }))
        this.emitFile({ type: 'asset', fileName, source });
    },
  },
});
