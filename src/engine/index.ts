/** Overtone's engine: tensors, ops, graphs, plans and sessions on WebGPU. */
export * from './errors.ts';
export { type Dtype, bytesOf, bf16ToNumber, f16ToNumber, numberToBf16, numberToF16 } from './dtype.ts';
export {
  type Dim,
  type Extents,
  Size,
  add as addDims,
  ceilDiv,
  evaluate,
  extent,
  maximum,
  mul as mulDims,
  shapeText,
} from './extent.ts';
export { type Tensor, columns, named, reshape, rowRange, rows, width } from './tensor.ts';
export { Graph, type Node, type Weights, weightsOf } from './graph.ts';
export type { Dispatch, Lowering, Op, Operand, WeightOperand } from './op.ts';
export type { Choice, Choices, Facts } from './choice.ts';
export { DEFAULT_LIMITS, type Plan, type PlanOptions, compile, planText } from './plan.ts';
export { openAdapter } from './adapter.ts';
export { Device, type DeviceBuffer, type DeviceHost, type Profiler, type Purpose } from './device.ts';
export type { Stream } from './stream.ts';
export { Timer, type Watch } from './timer.ts';
export { Scratch, Session, type SessionOptions, compileAll, createSession } from './session.ts';
export { RangeWatch, type TensorRange } from './range_watch.ts';
export { type PlannedBytes, SessionSet, type SessionSetOptions, plannedBytes } from './session_set.ts';
export {
  type TuneOptions,
  type TuneResult,
  type TunedChoice,
  type TunedPass,
  type VariantResult,
  tune,
} from './tune.ts';
export { subgroupMatrices } from './tune_matrices.ts';
export { type TuneStore, readTuned, writeTuned } from './tune_store.ts';
export { type Quantised, dequantise, isQuantised, quantise } from './quantise.ts';
export { type LoadProgress, type WeightSource, WeightStore, weightBytes } from './weights.ts';
export { linear } from './ops/linear.ts';
export { add } from './ops/add.ts';
export { scale } from './ops/scale.ts';
export { silu } from './ops/silu.ts';
export { gelu } from './ops/gelu.ts';
export { siluMul } from './ops/silu_mul.ts';
export { gatedAdd } from './ops/gated_add.ts';
export { outerAdd } from './ops/outer_add.ts';
export { type LayerNormOptions, layerNorm } from './ops/layer_norm.ts';
export { rmsNorm } from './ops/rms_norm.ts';
export { gather } from './ops/gather.ts';
export { scatter } from './ops/scatter.ts';
export { type DiffusionUpdateOptions, diffusionUpdate } from './ops/diffusion_update.ts';
export { type SamplerOptions, type SamplerWeights, diffusionSampler, samplerFits } from './ops/diffusion_sampler.ts';
export { type Conv2dCall, type Padding, conv2d } from './ops/conv2d.ts';
export { upsample } from './ops/upsample.ts';
export { type GroupNormOptions, groupNorm } from './ops/group_norm.ts';
export { type AttentionHeads, attention } from './ops/attention.ts';
export { rope } from './ops/rope.ts';
export { append } from './ops/append.ts';
export { type Sequence, argmax } from './ops/argmax.ts';
export { type ByteSource, bytesSource } from './formats/source.ts';
export { crc32 } from './formats/crc32.ts';
export { openSharded, openTensorFile } from './formats/open.ts';
export { type SafetensorsLayout, layOutSafetensors } from './formats/safetensors_write.ts';
export {
  type TensorEntry,
  type TensorFile,
  joinTensorFiles,
  renameTensors,
  storedSize,
} from './formats/tensor_file.ts';
export { type StoredDtype, firstNotFinite, fromFloat32, quantisedDtype, toFloat32 } from './formats/stored_dtype.ts';
