/**
 * A session: a plan living on a device. Pipelines, buffers and bind groups are made once; a run writes small uniforms and encodes. It owns
 * what it made, and `destroy` gives all of it back; buffers handed in stay their owner's.
 */
import type { Device, DeviceBuffer, DeviceImage, Pipeline } from './device.ts';
import { bytesOf } from './dtype.ts';
import { ArgumentError, GpuError, throwIfAborted } from './errors.ts';
import { type Dim, type Extents, add as addDims, evaluate } from './extent.ts';
import type { ImageCopy } from './images.ts';
import type { Operand, WeightOperand } from './op.ts';
import type { Plan, PlannedDispatch } from './plan.ts';
import type { Probe, RangeWatch } from './range_watch.ts';
import type { Stream } from './stream.ts';
import { type Tensor, boundBytes, placement, root, rows, width, windowStart } from './tensor.ts';
import { UniformPage } from './uniforms.ts';
import type { WeightStore } from './weights.ts';

const MAX_GROUPS = 65535;

/** Buffers for intermediates that several sessions use in turn: the largest of their plans in each place. */
export class Scratch {
  private constructor(
    readonly blocks: readonly DeviceBuffer[],
    readonly images: readonly DeviceImage[],
  ) {}

  static async create(device: Device, plans: readonly Plan[]): Promise<Scratch> {
    const sizes = scratchSizes(plans);
    const blocks: DeviceBuffer[] = [];
    const images: DeviceImage[] = [];
    try {
      await device.scope('activations', () => {
        for (const { width: across, height } of sizes.images) images.push(device.createImage('image', across, height));
        for (const bytes of sizes.blocks) blocks.push(device.createStorage('activations', bytes, 'activations'));
      });
    } catch (error) {
      for (const object of [...blocks, ...images]) object.destroy();
      throw error;
    }
    return new Scratch(blocks, images);
  }

  destroy(): void {
    for (const object of [...this.blocks, ...this.images]) object.destroy();
  }
}

/** Bytes of each block and texels of each image that plans which run in turn need. */
export function scratchSizes(plans: readonly Plan[]): {
  readonly blocks: readonly number[];
  readonly images: readonly { readonly width: number; readonly height: number }[];
} {
  const blocks: number[] = [];
  for (const plan of plans)
    descending(plan.blocks).forEach((b, i) => {
      blocks[i] = Math.max(blocks[i] ?? 0, plan.blocks[b]);
    });
  const images: { width: number; height: number }[] = []; // for the n-th image of a width of each plan, one
  for (const plan of plans) {
    const taken = new Set<object>();
    for (const { width: across, height } of plan.images) {
      let side = images.find((s) => s.width === across && !taken.has(s));
      if (!side) images.push((side = { width: across, height }));
      side.height = Math.max(side.height, height);
      taken.add(side);
    }
  }
  return { blocks, images };
}

/** Indices of blocks, largest first. */
function descending(blocks: readonly number[]): number[] {
  return blocks.map((_, i) => i).sort((a, b) => blocks[b] - blocks[a] || a - b);
}

export interface SessionOptions {
  readonly weights?: WeightStore;
  /** Buffers for inputs, states or outputs that someone else owns, by name: a cache shared with another session, or its output as our input. */
  readonly buffers?: Readonly<Record<string, DeviceBuffer>>;
  readonly scratch?: Scratch;
  /** Looks at what each dispatch stores. */
  readonly watch?: RangeWatch;
  readonly signal?: AbortSignal;
}

interface Step {
  readonly dispatch: PlannedDispatch;
  readonly copies: readonly { readonly copy: ImageCopy; readonly from: DeviceBuffer; readonly to: DeviceImage }[];
  readonly pipeline: Pipeline;
  readonly group: (extents: Extents) => GPUBindGroup;
  readonly probes?: readonly Probe[];
}

/** Makes the session of `plan`. Its weights must be in `options.weights` already. */
export async function createSession(device: Device, plan: Plan, options: SessionOptions = {}): Promise<Session> {
  const owned: { destroy(): void }[] = [];
  try {
    const named = new Map<string, DeviceBuffer>();
    const blocks: DeviceBuffer[] = [];
    const images: DeviceImage[] = [];
    await device.scope(`${plan.name}: buffers`, () => {
      for (const { name, bytes, kind } of plan.named.values()) {
        let buffer = options.buffers?.[name];
        if (buffer && buffer.bytes < bytes)
          throw new ArgumentError(`[${plan.name}] buffer ${name} must hold ${bytes} bytes but holds ${buffer.bytes}`);
        if (!buffer)
          owned.push((buffer = device.createStorage(name, bytes, kind === 'state' ? 'state' : 'activations')));
        named.set(name, buffer);
      }
      const order = descending(plan.blocks);
      order.forEach((b, i) => {
        let buffer = options.scratch?.blocks[i];
        if (!buffer) owned.push((buffer = device.createStorage(`${plan.name}#${b}`, plan.blocks[b], 'activations')));
        blocks[b] = buffer;
      });
      for (const { width: across, height } of plan.images) {
        let image = options.scratch?.images.find((i) => i.width === across && !images.includes(i));
        if (!image) owned.push((image = device.createImage(`${plan.name}: image`, across, height)));
        images.push(image);
      }
    });
    const pipelines = await compileAll(device, plan, options.signal);
    await options.watch?.open();
    const steps: Step[] = [];
    await device.scope(`${plan.name}: bind groups`, () => {
      const buffers = (operand: Operand): DeviceBuffer => {
        if ('weight' in operand) return weightOf(plan, options.weights, operand).parts[operand.part];
        const at = plan.home.get(root('image' in operand ? operand.image : operand.tensor))!;
        return 'block' in at ? blocks[at.block] : named.get(at.name)!;
      };
      const resource = (operand: Operand, dispatch: PlannedDispatch, extents: Extents): GPUBindingResource => {
        if ('image' in operand) return images[dispatch.images.get(operand)!].view;
        if ('tensor' in operand) return binding(operand.tensor, buffers(operand), extents);
        return operand.weight.image
          ? weightOf(plan, options.weights, operand).image!.view
          : { buffer: buffers(operand).gpu };
      };
      plan.dispatches.forEach((dispatch, i) => {
        const { label, bind, interface: shader } = dispatch;
        const makeGroup = (extents: Extents): GPUBindGroup => {
          const entries: GPUBindGroupEntry[] = shader.bindings.map((b) => ({
            binding: b.index,
            resource: resource(bind[b.name], dispatch, extents),
          }));
          if (shader.params)
            entries.push({
              binding: shader.params.index,
              resource: { buffer: device.uniforms.buffer.gpu, size: UniformPage.slotBytes },
            });
          return device.gpu.createBindGroup({ label, layout: pipelines[i].layout, entries });
        };
        steps.push({
          dispatch,
          copies: dispatch.copies.map((copy) => ({
            copy,
            from: buffers({ tensor: copy.tensor }),
            to: images[copy.image],
          })),
          pipeline: pipelines[i],
          group: groupFor(windowsOf(dispatch), makeGroup),
          probes: options.watch?.probes(plan, dispatch, (tensor) => buffers({ tensor })),
        });
      });
    });
    throwIfAborted(options.signal, plan.name);
    return new Session(device, plan, steps, named, owned, options.watch);
  } catch (error) {
    for (const object of owned) object.destroy();
    throw error;
  }
}

/** All pipelines of a plan, compiled in parallel; waits for every one, also when one fails. A session finds those that are there. */
export async function compileAll(device: Device, plan: Plan, signal?: AbortSignal): Promise<Pipeline[]> {
  throwIfAborted(signal, plan.name);
  const results = await Promise.allSettled(plan.dispatches.map((d) => device.pipeline(d.label, d.shader)));
  return results.map((r) => {
    if (r.status === 'rejected') throw r.reason;
    return r.value;
  });
}

function weightOf(plan: Plan, store: WeightStore | undefined, { weight }: { weight: WeightOperand }) {
  const stored = store?.get(weight.key);
  if (!stored)
    throw new ArgumentError(`[${plan.name}] weight ${weight.name} must be loaded before its session is made`);
  return stored;
}

/** What a kernel is given of a tensor: its part of a shared block, from its window on. */
function binding(x: Tensor, buffer: DeviceBuffer, extents: Extents): GPUBufferBinding {
  const offset = evaluate(windowStart(x), extents) * bytesOf(x.dtype);
  return { buffer: buffer.gpu, offset, size: Math.min(boundBytes(x), buffer.bytes - offset) };
}

/** Windows of a dispatch whose start depends on extents. */
function windowsOf({ bind }: PlannedDispatch): Dim[] {
  const starts = Object.values(bind).map((operand) => ('tensor' in operand ? windowStart(operand.tensor) : 0));
  return starts.filter((start) => typeof start !== 'number');
}

/** The bind group of a run: made at once where it is always the same, else anew when a window has moved. */
function groupFor(windows: readonly Dim[], make: (extents: Extents) => GPUBindGroup): Step['group'] {
  if (windows.length === 0) {
    const group = make({});
    return () => group;
  }
  let last: { readonly key: string; readonly group: GPUBindGroup } | undefined;
  return (extents) => {
    const key = windows.map((w) => evaluate(w, extents)).join();
    if (last?.key !== key) last = { key, group: make(extents) };
    return last.group;
  };
}

export class Session {
  private last: Extents = {};

  constructor(
    private readonly device: Device,
    readonly plan: Plan,
    private readonly steps: readonly Step[],
    private readonly named: ReadonlyMap<string, DeviceBuffer>,
    private readonly owned: readonly { destroy(): void }[],
    private readonly watch?: RangeWatch,
  ) {}

  /** The buffer of an input, state or output. */
  buffer(name: string): DeviceBuffer {
    const home = this.homeOf(name);
    const buffer = this.named.get(home);
    if (!buffer)
      throw new ArgumentError(
        `[${this.plan.name}] ${name} must be an input, a state or an output; there are ${[...this.named.keys()].join(', ')}`,
      );
    return buffer;
  }

  private homeOf(name: string): string {
    const output = this.plan.outputs.get(name);
    const home = output && this.plan.home.get(root(output));
    return home && 'name' in home ? home.name : name;
  }

  /** Encodes one run with these extents, slice by slice; a watched one is waited for. Errors: OvertoneError `numerics` of a watched one. */
  async encode(stream: Stream, extents: Extents = {}): Promise<void> {
    this.last = extents;
    const { device } = this;
    for (const step of this.steps) {
      const start = device.profiler?.host && device.now();
      this.encodeStep(stream, step, extents);
      if (step.probes) this.watch?.encode(stream, step.probes, extents);
      if (start !== undefined) device.profiler?.host?.('encode', device.now() - start);
      if (stream.full) await stream.pacing();
    }
    await this.watch?.settle(stream);
  }

  private encodeStep(stream: Stream, { dispatch, copies, pipeline, group }: Step, extents: Extents): void {
    // also for a dispatch of no rows: later ones count on what lies in the images
    for (const { copy, from, to } of copies) {
      const { offset, stride } = placement(copy.tensor);
      const [first, step, height] = [addDims(windowStart(copy.tensor), offset), stride, rows(copy.tensor)].map((d) =>
        evaluate(d, extents),
      );
      if (height <= 0) continue;
      if (copy.flat) stream.copyToFlatImage(from, first * 4, to, (height * width(copy.tensor)) / 4);
      else if (copy.heads) {
        const { count, across } = copy.heads;
        const own = width(copy.tensor) / count;
        for (let head = 0; head < count; head++) {
          const at = [(own / 4) * (head % across), height * Math.floor(head / across)] as const;
          stream.copyTexels(from, (first + head * own) * 4, step * 4, to, at, [own / 4, height]);
        }
      } else stream.copyToImage(from, first * 4, step * 4, to, height);
    }
    const groups = evaluate(dispatch.groups, extents);
    if (groups === 0) return;
    const offsets = dispatch.interface.params ? [this.device.uniforms.offset(paramWords(dispatch, extents))] : [];
    const units = evaluate(dispatch.flops, extents) + 10 * evaluate(dispatch.bytes, extents);
    const pass = stream.compute(this.plan.name, dispatch.label, units);
    pass.setPipeline(pipeline.pipeline);
    pass.setBindGroup(0, group(extents), offsets);
    const y = Math.ceil(groups / MAX_GROUPS);
    if (y > MAX_GROUPS)
      throw new GpuError(
        'validation',
        dispatch.label,
        `[${dispatch.label}] needs ${groups} workgroups; a device takes ${MAX_GROUPS ** 2}`,
      );
    pass.dispatchWorkgroups(Math.ceil(groups / y), y, 1);
  }

  /** Elements of an output (or state) after the last run, dense and row-major. */
  async read(name: string, extents: Extents = this.last): Promise<Float32Array<ArrayBuffer>> {
    return new Float32Array(await this.readBytes(name, extents));
  }

  /** The same for a u32 tensor. */
  async readU32(name: string, extents: Extents = this.last): Promise<Uint32Array<ArrayBuffer>> {
    return new Uint32Array(await this.readBytes(name, extents));
  }

  private async readBytes(name: string, extents: Extents): Promise<ArrayBuffer> {
    const buffer = this.buffer(name);
    const x: Tensor = this.plan.outputs.get(name) ?? this.plan.named.get(name)!.tensor;
    const at = (d: Dim) => evaluate(d, extents);
    const [height, columns] = [at(rows(x)), width(x)];
    const { offset, stride } = placement(x);
    const [first, step] = [at(offset), at(stride)];
    const span = height === 0 ? 0 : (height - 1) * step + columns;
    if (span === 0) return new ArrayBuffer(0);
    const words = new Uint32Array((await this.device.read(buffer, first * 4, span * 4)).buffer);
    if (step === columns) return words.buffer;
    const dense = new Uint32Array(height * columns);
    for (let r = 0; r < height; r++) dense.set(words.subarray(r * step, r * step + columns), r * columns);
    return dense.buffer;
  }

  destroy(): void {
    for (const object of this.owned) object.destroy();
  }
}

const words = new Map<number, { u32: Uint32Array<ArrayBuffer>; f32: Float32Array }>();

/** The uniform block of a dispatch. The array is used again by the next call of the same length. */
function paramWords(dispatch: PlannedDispatch, extents: Extents): Uint32Array<ArrayBuffer> {
  const { fields } = dispatch.interface.params!;
  let block = words.get(fields.length);
  if (!block) {
    const u32 = new Uint32Array(fields.length);
    words.set(fields.length, (block = { u32, f32: new Float32Array(u32.buffer) }));
  }
  fields.forEach((field, i) => {
    const value = evaluate(dispatch.params[field.name], extents);
    if (field.type === 'f32') block.f32[i] = value;
    else block.u32[i] = value;
  });
  return block.u32;
}
