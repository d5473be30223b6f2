/** The page's side of its service worker: registers it, lets a new version take over at a start, and asks it to keep the model. */

/**
 * Registers the service worker of a built page, which is then there without a network. A version that was installed meanwhile takes over now, while
 * nothing has begun yet: the page loads again, and the promise stays open. Where there can be no service worker, nothing happens.
 */
export async function keepPage(): Promise<void> {
  if (!import.meta.env.PROD || !('serviceWorker' in navigator)) return;
  const workers = navigator.serviceWorker;
  try {
    const { waiting } = (await workers.getRegistration()) ?? {};
    const isAlone = await holdPage(!!waiting);
    if (waiting && isAlone && (await takesOver(waiting))) {
      location.reload();
      await new Promise(() => undefined);
    }
    const registration = await workers.register('./service_worker.js', { scope: './', updateViaCache: 'none' });
    registration.update().catch(() => undefined); // for the next start; without a network there is none
  } catch {
    // a host or a browser setting that forbids it: the page works, but not without a network
  }
}

/** Keeps the embedded model's files as well; call it when they have been fetched. */
export async function keepModel(): Promise<void> {
  if (!import.meta.env.PROD || !('serviceWorker' in navigator)) return;
  const { active } = await navigator.serviceWorker.ready;
  active?.postMessage('keep the model');
}

/** Marks this page as open, for as long as it is; where asked, tells whether it is the only one. */
async function holdPage(ask: boolean): Promise<boolean> {
  const name = `overtone page ${new URL('./', document.baseURI).href}`;
  const alone =
    ask &&
    (await navigator.locks
      .request(name, { signal: AbortSignal.timeout(1000) }, () => true) // a page that is left may still hold it for a moment
      .catch(() => false));
  void navigator.locks.request(name, { mode: 'shared' }, () => new Promise(() => undefined));
  return alone;
}

/** Makes `waiting` the page's service worker; false where that takes ten seconds. */
function takesOver(waiting: ServiceWorker): Promise<boolean> {
  return new Promise((resolve) => {
    navigator.serviceWorker.addEventListener('controllerchange', () => resolve(true), { once: true });
    setTimeout(() => resolve(false), 10_000);
    waiting.postMessage('replace');
  });
}
