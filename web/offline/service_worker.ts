/**
 * Keeps the page for when the network is off. A version of the page is installed whole and served whole: files never mix with those of another
 * version. The embedded model is kept when the page asks for it, once it runs; models from addresses are the page's own to keep, and pass by.
 */
declare const self: ServiceWorkerGlobalScope;
/** Written in by the build: a hash of all files, the page's files, and the embedded model's, as paths in the scope. */
declare const __VERSION__: string;
declare const __PAGE__: readonly string[];
declare const __MODEL__: readonly string[];

const { scope } = self.registration;
const PAGES = `overtone page ${scope} `;
const PAGE = PAGES + __VERSION__;
/** Names of the model's files hold their hashes, so that all versions share what they keep. */
const MODEL = `overtone model ${scope}`;
const INDEX = './';

const url = (path: string): string => new URL(path, scope).href;

async function install(): Promise<void> {
  const cache = await caches.open(PAGE);
  await Promise.all(__PAGE__.map((path) => cache.add(new Request(url(path), { cache: 'no-cache' }))));
}

async function activate(): Promise<void> {
  const old = (await caches.keys()).filter((name) => name.startsWith(PAGES) && name !== PAGE);
  await Promise.all(old.map((name) => caches.delete(name)));
  const model = await caches.open(MODEL);
  const kept = new Set(__MODEL__.map(url));
  for (const { url: has } of await model.keys()) if (!kept.has(has)) await model.delete(has);
  await self.clients.claim();
}

/** What the page has just fetched comes from the browser's own cache. */
async function keepModel(): Promise<void> {
  const cache = await caches.open(MODEL);
  for (const path of __MODEL__)
    if (!(await cache.match(url(path)))) await cache.add(new Request(url(path), { cache: 'force-cache' }));
}

async function answer(request: Request): Promise<Response> {
  const wanted = request.mode === 'navigate' ? url(INDEX) : request.url;
  const name = __MODEL__.some((path) => url(path) === wanted) ? MODEL : PAGE;
  return (await (await caches.open(name)).match(wanted)) ?? fetch(request);
}

self.addEventListener('install', (event) => event.waitUntil(install()));
self.addEventListener('activate', (event) => event.waitUntil(activate()));
self.addEventListener('message', (event) => {
  if (event.data === 'keep the model') event.waitUntil(keepModel());
  if (event.data === 'replace') event.waitUntil(self.skipWaiting()); // else a version waits until no page of the old one is open
});
self.addEventListener('fetch', (event) => {
  const { request } = event;
  if (request.url.startsWith(scope) && request.method === 'GET' && !request.headers.has('range'))
    event.respondWith(answer(request));
});
