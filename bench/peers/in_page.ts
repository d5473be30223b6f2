/**
 * The peers in a page, from the packages that bench/peers/package.json names. Where these are not installed, the build of the page puts nothing in
 * the place of this file (web/build/peers.ts). Each is loaded when it is opened.
 */
import { type Jax, jax } from './jax.ts';
import { type Ort, onnx } from './onnx.ts';
import packages from './package.json' with { type: 'json' };
import type { Peer, PeerName } from './peer.ts';
import { type TensorflowModule, tfjs } from './tfjs.ts';

const versions = packages.dependencies;

export const open: Readonly<Record<PeerName, () => Promise<Peer>>> = {
  async 'onnxruntime-web'() {
    const ort = (await import('onnxruntime-web/webgpu')) as unknown as Ort;
    ort.env.wasm.numThreads = 1;
    ort.env.logLevel = 'error';
    return onnx(ort, versions['onnxruntime-web']);
  },
  async tfjs() {
    const tf = (await import('@tensorflow/tfjs-core')) as unknown as TensorflowModule;
    await import('@tensorflow/tfjs-backend-webgpu');
    return tfjs(tf, versions['@tensorflow/tfjs-backend-webgpu']);
  },
  'jax-js': async () => jax((await import('@jax-js/jax')) as unknown as Jax, versions['@jax-js/jax']),
};
