/**
 * A model's weights in another form, made when they are read: all of them in one float dtype, or the matrices quantised as they would be on the
 * device and the rest as it is. Every value that passes is checked to be finite.
 */
import {
  DEFAULT_LIMITS,
  FileError,
  type Plan,
  type Quantised,
  type StoredDtype,
  type TensorEntry,
  type TensorFile,
  firstNotFinite,
  fromFloat32,
  isQuantised,
  quantise,
  quantisedDtype,
  toFloat32,
} from '../engine/index.ts';
import { type HarmonConfig, nativeGrid } from './config.ts';
import { image2textPlans } from './image2text.ts';
import { generateJob } from './request.ts';
import { text2imagePlans, text2imageShape } from './text2image.ts';
import { weightSource } from './weight_source.ts';

/** The forms that weights may be kept in. */
export const WEIGHT_FORMS = ['f32', 'f16', 'bf16', 'q8', 'q4'] as const;
export type WeightForm = (typeof WEIGHT_FORMS)[number];

const STORED: Readonly<Record<WeightForm, StoredDtype>> = { f32: 'F32', f16: 'F16', bf16: 'BF16', q8: 'Q8', q4: 'Q4' };

/**
 * The same weights as `to` has them, or as they are without. Reading throws FileError for a tensor with values that are not finite or, in f16, beyond
 * 65504. @throws FileError for quantised weights in another form.
 */
export function castWeights(file: TensorFile, config: HarmonConfig, to?: WeightForm): TensorFile {
  const given = [...file.tensors.values()].find(({ dtype }) => quantisedDtype(dtype));
  if (given && to !== undefined && STORED[to] !== given.dtype)
    throw new FileError(
      `${file.name}: must hold the weights as they were published to become ${to} but holds ${given.dtype.toLowerCase()}: convert the original`,
    );
  const matrices = to && isQuantised(to) && !given ? quantisedTensors(file, config, to) : new Set<string>();
  const dtypeOf = ({ name, dtype }: TensorEntry): StoredDtype => {
    if (to === undefined || !/^B?F/.test(dtype)) return dtype;
    return isQuantised(to) && !matrices.has(name) ? dtype : STORED[to];
  };
  const finite = finiteTensors(file);
  const tensors = new Map([...file.tensors].map(([name, entry]) => [name, { ...entry, dtype: dtypeOf(entry) }]));
  return {
    ...file,
    tensors,
    async read(name, options) {
      const bytes = await finite.read(name, options);
      return cast(`${file.name}: tensor ${name}`, bytes, file.tensors.get(name)!.dtype, tensors.get(name)!.dtype);
    },
  };
}

/** The same file, whose reading throws FileError for a tensor with values that are not finite. */
export function finiteTensors(file: TensorFile): TensorFile {
  return {
    ...file,
    async read(name, options) {
      const bytes = await file.read(name, options);
      const { dtype } = file.tensors.get(name)!;
      const bad = firstNotFinite(bytes, dtype);
      if (bad < 0) return bytes;
      const value = toFloat32(bytes, dtype)[bad];
      throw new FileError(`${file.name}: tensor ${name} must hold finite numbers but has ${value}: download it again`);
    },
  };
}

function cast(subject: string, bytes: Uint8Array, from: StoredDtype, to: StoredDtype): Uint8Array {
  if (from === to) return bytes;
  const values = toFloat32(bytes, from);
  const kind = quantisedDtype(to);
  if (kind) return new Uint8Array(quantise(subject, values, kind).buffer);
  if (to !== 'F16' && to !== 'BF16') return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
  const made = fromFloat32(values, to);
  const over = firstNotFinite(made, to);
  if (over >= 0)
    throw new FileError(
      `${subject} must stay within 65504 to become ${to.toLowerCase()} but has ${values[over]}: convert to bf16`,
    );
  return made;
}

/**
 * The tensors that every plan on every class of device has quantised: none that a kernel wants as it was, so that a converted model has the same
 * bits as one that is quantised while it is loaded.
 */
function quantisedTensors(file: TensorFile, config: HarmonConfig, kind: Quantised): Set<string> {
  const all = new Set<string>();
  const others = new Set<string>();
  for (const plan of plansOf(file, config, kind))
    for (const { dtype, joined } of plan.weights)
      for (const { name } of joined) (dtype === kind ? all : others).add(name);
  return new Set([...all].filter((name) => !others.has(name)));
}

function plansOf(weights: TensorFile, config: HarmonConfig, kind: Quantised): Plan[] {
  const native = nativeGrid(config);
  const grid = [native, native] as const;
  const job = generateJob({ prompt: '', seed: 0 }, config);
  return [undefined, 4, 8].flatMap((subgroupSize) =>
    [false, true].flatMap((frugal) => {
      const device = { planLimits: { ...DEFAULT_LIMITS, subgroupSize } };
      const source = { config, source: weightSource(weights), quantise: kind, frugal, device };
      const made = text2imagePlans(source, text2imageShape(job, 1, 64)).plans;
      return [...Object.values(made), ...Object.values(image2textPlans(source, { grid, prompt: 512, cache: 1024 }))];
    }),
  );
}
