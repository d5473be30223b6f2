/** Picture files in the browser's private file system, one `<id>.png` each, and their addresses for the page. */
const FOLDER = 'pictures';
const inMemory = new Map<string, Blob>();
const addresses = new Map<string, Promise<string>>();

const folder = async (): Promise<FileSystemDirectoryHandle> =>
  (await navigator.storage.getDirectory()).getDirectoryHandle(FOLDER, { create: true });

/** Keeps a file under its id. Without a private file system it lives as long as the page. @throws DOMException QuotaExceededError. */
export async function writePicture(id: string, bytes: Uint8Array<ArrayBuffer>): Promise<void> {
  const blob = new Blob([bytes], { type: 'image/png' });
  try {
    const handle = await (await folder()).getFileHandle(`${id}.png`, { create: true });
    const writable = await handle.createWritable();
    await writable.write(blob);
    await writable.close();
  } catch (error) {
    if (error instanceof DOMException && error.name === 'QuotaExceededError') throw error;
    inMemory.set(id, blob);
  }
}

/** The file of an id. @throws DOMException NotFoundError. */
export async function readPicture(id: string): Promise<Blob> {
  const kept = inMemory.get(id);
  if (kept) return kept;
  return (await (await folder()).getFileHandle(`${id}.png`)).getFile();
}

export async function deletePicture(id: string): Promise<void> {
  inMemory.delete(id);
  const address = addresses.get(id);
  addresses.delete(id);
  if (address) URL.revokeObjectURL(await address.catch(() => ''));
  await folder()
    .then((at) => at.removeEntry(`${id}.png`))
    .catch(() => undefined);
}

const DAY = 86_400_000;

/** Deletes files that no row of the history has and that are not new: a page that was closed may have left some. */
export async function sweepPictures(ids: ReadonlySet<string>): Promise<void> {
  const at = await folder();
  for await (const [name, handle] of at.entries()) {
    if (handle.kind !== 'file' || ids.has(name.replace(/\.png$/, ''))) continue;
    const { lastModified } = await (handle as FileSystemFileHandle).getFile();
    if (Date.now() - lastModified > DAY) await at.removeEntry(name);
  }
}

/** An address for `<img>`, made once a picture. */
export function pictureUrl(id: string): Promise<string> {
  let address = addresses.get(id);
  if (!address) {
    address = readPicture(id).then((blob) => URL.createObjectURL(new Blob([blob], { type: 'image/png' })));
    address.catch(() => addresses.delete(id));
    addresses.set(id, address);
  }
  return address;
}
