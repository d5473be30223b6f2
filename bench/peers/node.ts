/** The peers in Node, from the packages that bench/peers/package.json names. */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { packageFile } from '../../node/package.ts';
import { type Jax, jax } from './jax.ts';
import { type Ort, onnx } from './onnx.ts';
import type { Peer, PeerName } from './peer.ts';
import { type TensorflowModule, tfjs } from './tfjs.ts';

export const open: Readonly<Record<PeerName, () => Promise<Peer>>> = {
  async 'onnxruntime-web'() {
    copySharedWrites();
    const folder = peerFolder('onnxruntime-web');
    const ort = await importFrom<Ort>(folder, 'dist/ort.webgpu.bundle.min.mjs');
    ort.env.wasm.numThreads = 1;
    ort.env.wasm.wasmBinary = readFileSync(join(folder, 'dist/ort-wasm-simd-threaded.asyncify.wasm'));
    ort.env.logLevel = 'error';
    return onnx(ort, versionOf(folder));
  },
  tfjs() {
    const folder = peerFolder('@tensorflow/tfjs-backend-webgpu');
    const require = createRequire(join(folder, 'package.json'));
    const tf = require('@tensorflow/tfjs-core') as TensorflowModule;
    require('@tensorflow/tfjs-backend-webgpu');
    return tfjs(tf, versionOf(folder));
  },
  async 'jax-js'() {
    iteratorHelpers();
    const folder = peerFolder('@jax-js/jax');
    return jax(await importFrom<Jax>(folder, 'dist/index.js'), versionOf(folder));
  },
};

/** Its writes pass views of the memory that WebAssembly shares, which Dawn in Node refuses: they get a copy. */
function copySharedWrites(): void {
  const { prototype } = globalThis.GPUQueue;
  const write = prototype.writeBuffer as (...args: unknown[]) => void;
  prototype.writeBuffer = function (buffer, offset, data, from = 0, size) {
    const view = ArrayBuffer.isView(data) ? data : new Uint8Array(data);
    const unit = 'BYTES_PER_ELEMENT' in view ? (view.BYTES_PER_ELEMENT as number) : 1;
    const length = size === undefined ? view.byteLength - from * unit : size * unit;
    const bytes = new Uint8Array(view.buffer, view.byteOffset + from * unit, length).slice();
    write.call(this, buffer, offset, bytes, 0, length);
  };
}

/** Its einsum maps and filters an iterator, which Node can from version 22 on. */
function iteratorHelpers(): void {
  const prototype = Object.getPrototypeOf(Object.getPrototypeOf([].values())) as Record<string, unknown>;
  prototype.map ??= function* (this: Iterable<unknown>, change: (x: unknown) => unknown) {
    for (const x of this) yield change(x);
  };
  prototype.filter ??= function* (this: Iterable<unknown>, wanted: (x: unknown) => boolean) {
    for (const x of this) if (wanted(x)) yield x;
  };
}

/** Folder of a package that the peers' own package.json names. */
function peerFolder(name: string): string {
  const require = createRequire(packageFile('bench/peers/package.json'));
  const paths = require.resolve.paths(name) ?? [];
  for (const path of paths) {
    const folder = join(path, name);
    try {
      readFileSync(join(folder, 'package.json'));
      return folder;
    } catch {
      // the next one
    }
  }
  throw new Error(`${name} is not installed: run npm ci in ${dirname(packageFile('bench/peers/package.json'))}`);
}

const versionOf = (folder: string): string =>
  (JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as { version: string }).version;

const importFrom = async <T>(folder: string, file: string): Promise<T> =>
  (await import(/* @vite-ignore */ pathToFileURL(join(folder, file)).href)) as T;
