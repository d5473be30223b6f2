/** The peers' packages are installed when they are asked for; what is used of them is typed where it is used. */
declare module 'onnxruntime-web/webgpu';
declare module '@tensorflow/tfjs-core';
declare module '@tensorflow/tfjs-backend-webgpu';
declare module '@jax-js/jax';
