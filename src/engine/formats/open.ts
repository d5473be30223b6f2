/** Opening a file of weights by its content, and the sentences for everything that is no such file. */
import { FileError } from '../errors.ts';
import { scanJson } from './json_scan.ts';
import { looksLikeSafetensors, openSafetensors } from './safetensors.ts';
import { readExactly, type ByteSource } from './source.ts';
import { joinTensorFiles, renameTensors, type TensorFile } from './tensor_file.ts';
import { openTorch } from './torch.ts';
import { isPlainPath } from './wire.ts';
import { openZip } from './zip.ts';
import { endsAsZip } from './zip_directory.ts';

const MAX_INDEX = 16 * 1024 * 1024;
const MAX_TENSORS = 65_536;

/** What other files start with, and what to say of them. Bytes are written as Latin-1 text. */
const OTHERS: readonly (readonly [start: RegExp, what: string])[] = [
  [
    /^\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19/,
    "is in PyTorch's old format from before version 1.6; load it and torch.save it again",
  ],
  [/^\x80[\x00-\x05]/, 'is a bare Python pickle, not a checkpoint; torch.save the tensors instead'],
  [/^\s*(<!doctype|<html|<\?xml|<head)/i, 'is a web page, not weights; use the address that downloads the file itself'],
  [/^version https:\/\/git-lfs/, 'is a Git LFS pointer, not the weights; run git lfs pull or download the file itself'],
  [/^GGUF/, 'is a GGUF file; use the PyTorch or safetensors checkpoint'],
  [/^\x93NUMPY/, 'is a NumPy array, not a checkpoint'],
  [/^\x89HDF/, 'is an HDF5 file; use the PyTorch or safetensors checkpoint'],
  [/^(\x1f\x8b|7z\xbc\xaf|Rar!|\x28\xb5\x2f\xfd|BZh|\xfd7zXZ)/, 'is a compressed archive; unpack it first'],
  [/^\s*\{/, 'is JSON, not weights; give the file or the .index.json it belongs to'],
];

/**
 * Opens one file of weights: PyTorch's zip format or safetensors, told apart by content. Tensors that all carry the prefix `module.`
 * lose it. Throws FileError, with the cure, on anything else and on anything broken.
 */
export async function openTensorFile(source: ByteSource, signal?: AbortSignal): Promise<TensorFile> {
  if (source.size === 0) throw new FileError(`${source.name} is empty; download it again.`);
  const head = await readExactly(source, 0, Math.min(64, source.size), signal);
  const file = await openByContent(source, head, signal);
  if (file.tensors.size === 0) throw new FileError(`${source.name} holds no tensors.`);
  const wrapped = [...file.tensors.keys()].every((name) => name.startsWith('module.'));
  return wrapped ? renameTensors(file, (name) => name.slice('module.'.length)) : file;
}

async function openByContent(source: ByteSource, head: Uint8Array, signal?: AbortSignal): Promise<TensorFile> {
  if (looksLikeSafetensors(head, source.size)) {
    if (await endsAsZip(source, signal))
      throw new FileError(`${source.name} is a safetensors file and a zip at once, which is ambiguous.`);
    return openSafetensors(source, signal);
  }
  const start = String.fromCharCode(...head);
  const zip = await openZip(source, signal);
  if (zip) return openTorch(zip, signal);
  if (start.startsWith('PK'))
    throw new FileError(
      `${source.name} is incomplete: its ${source.size} bytes start as a zip but do not end with a zip's directory; download it again.`,
    );
  if (source.name.endsWith('.safetensors')) return openSafetensors(source, signal);
  const other = OTHERS.find(([pattern]) => pattern.test(start));
  const what = other?.[1] ?? 'is neither a PyTorch checkpoint (zip) nor safetensors (no header)';
  throw new FileError(`${source.name} ${what}.`);
}

/**
 * Opens a checkpoint in several files by its `*.index.json`: `open` gets the shards' names, plain relative names inside the index's
 * folder (any other is refused before it is opened). Index and shards must say the same: each tensor in one shard, and in the one that is listed.
 */
export async function openSharded(
  index: { readonly name: string; readonly text: string },
  open: (shard: string) => Promise<ByteSource>,
  signal?: AbortSignal,
): Promise<TensorFile> {
  const fail = (text: string): never => {
    throw new FileError(`${index.name}: the index ${text}.`);
  };
  if (index.text.length > MAX_INDEX) fail(`has ${index.text.length} characters; at most ${MAX_INDEX} are read`);
  const places = parseIndex(index.text, fail);
  if (!places.size) fail('lists no tensors');
  for (const shard of new Set(places.values()))
    if (!isPlainPath(shard) || shard.length > 255)
      fail(`names the file ${JSON.stringify(shard.slice(0, 80))}, which is not a plain name inside the model's folder`);
  const shards: TensorFile[] = [];
  for (const shard of new Set(places.values())) {
    const file = await openTensorFile(await open(shard), signal);
    for (const [name, place] of places)
      if (place === shard && !file.tensors.has(name)) fail(`says that ${shard} holds tensor ${name}, but it does not`);
    for (const name of file.tensors.keys()) {
      const place = places.get(name);
      if (place === undefined) fail(`does not list tensor ${name}, which ${shard} holds`);
      if (place !== shard) fail(`says that ${place} holds tensor ${name}, but ${shard} holds one of that name too`);
    }
    shards.push(file);
  }
  return { ...joinTensorFiles(shards), name: index.name };
}

/** Tensor name to shard, from `weight_map`; other members are passed over. */
function parseIndex(text: string, fail: (text: string) => never): Map<string, string> {
  const places = new Map<string, string>();
  const scan = scanJson(text.replace(/^\uFEFF/, ''), fail);
  scan.object((key) => {
    if (key !== 'weight_map') return scan.skip();
    scan.object((name) => {
      if (places.size >= MAX_TENSORS) fail(`lists over ${MAX_TENSORS} tensors`);
      places.set(name, scan.string());
    });
  });
  scan.end();
  return places;
}
