/**
 * Watching magnitudes: behind each dispatch of a watched session a small kernel finds the largest magnitude of what it stored. NaN and infinity end the
 * run with the name of the first tensor that had them. It reads all that is written a second time and waits for each pass: for checks, not for work.
 */
import { rangeShader, rangeStretch } from '../../shaders/range.ts';
import type { Device, DeviceBuffer, Pipeline } from './device.ts';
import { bytesOf } from './dtype.ts';
import { OvertoneError } from './errors.ts';
import { type Extents, evaluate } from './extent.ts';
import type { Plan, PlannedDispatch } from './plan.ts';
import type { Stream } from './stream.ts';
import { type Tensor, boundBytes, count, placement, root, width, windowStart } from './tensor.ts';
import { UniformPage } from './uniforms.ts';

/** The largest magnitude that a tensor of a pass has had. */
export interface TensorRange {
  readonly pass: string;
  readonly name: string;
  readonly largest: number;
}

/** What a session does behind a dispatch. */
export interface Probe {
  readonly pass: string;
  readonly tensor: Tensor;
  readonly slot: number;
  readonly weights: readonly string[];
  readonly group: (offset: number, bytes: number) => GPUBindGroup;
}

/** Tensors that are told apart. */
const SLOTS = 1 << 16;
const MOST_GROUPS = 1024;
const INFINITY_BITS = 0x7f800000;

export class RangeWatch {
  private readonly slots = new Map<string, number>();
  private readonly seen: { readonly pass: string; readonly name: string; bits: number }[] = [];
  private parts: Promise<{ readonly pipeline: Pipeline; readonly largest: DeviceBuffer }> | undefined;
  private made: { readonly pipeline: Pipeline; readonly largest: DeviceBuffer } | undefined;
  /** Probes since the last look, in the order of their dispatches. */
  private encoded = new Set<Probe>();

  constructor(private readonly device: Device) {}

  /** Makes the kernel and its words; before `probes`. Errors: GpuError. */
  async open(): Promise<void> {
    this.made = await (this.parts ??= this.make());
  }

  private async make() {
    const pipeline = await this.device.pipeline('range', rangeShader());
    const largest = await this.device.scope('range', () =>
      this.device.createStorage('range', SLOTS * 4, 'activations'),
    );
    return { pipeline, largest };
  }

  /** Probes of what a dispatch stores of its op's output, or of a state. `bufferOf` is the buffer that a tensor lies in. */
  probes({ name: pass }: Plan, dispatch: PlannedDispatch, bufferOf: (tensor: Tensor) => DeviceBuffer): Probe[] {
    const { bind, interface: shader, output } = dispatch;
    const operands = shader.bindings.filter(({ kind }) => kind === 'write').map((b) => bind[b.name]);
    const weights = Object.values(bind).flatMap((o) => ('weight' in o ? [o.weight.name] : []));
    return operands.flatMap((operand) => {
      if (!('tensor' in operand) || operand.tensor.dtype !== 'f32') return [];
      const { tensor } = operand;
      if (root(tensor) !== root(output) && root(tensor).role !== 'state') return []; // what a kernel keeps for itself
      const isOutput = root(tensor) === root(output);
      const slot = this.slotOf(pass, isOutput ? output.name : root(tensor).name);
      const buffer = bufferOf(tensor);
      return [{ pass, tensor, slot, weights, group: this.groups(buffer) }];
    });
  }

  private slotOf(pass: string, name: string): number {
    const key = `${pass}\0${name}`;
    let slot = this.slots.get(key);
    if (slot === undefined) {
      slot = this.seen.length;
      if (slot === SLOTS) throw new OvertoneError('memory', `[range] at most ${SLOTS} tensors can be watched`);
      this.slots.set(key, slot);
      this.seen.push({ pass, name, bits: 0 });
    }
    return slot;
  }

  private groups(buffer: DeviceBuffer): Probe['group'] {
    const { pipeline, largest } = this.made!;
    const made = new Map<string, GPUBindGroup>();
    return (offset, bytes) => {
      const key = `${offset} ${bytes}`;
      let group = made.get(key);
      if (!group) {
        const entries: GPUBindGroupEntry[] = [
          { binding: 0, resource: { buffer: buffer.gpu, offset, size: Math.min(bytes, buffer.bytes - offset) } },
          { binding: 1, resource: { buffer: largest.gpu } },
          { binding: 2, resource: { buffer: this.device.uniforms.buffer.gpu, size: UniformPage.slotBytes } },
        ];
        group = this.device.gpu.createBindGroup({ label: 'range', layout: pipeline.layout, entries });
        made.set(key, group);
      }
      return group;
    };
  }

  /** Encodes what looks at a dispatch's results. */
  encode(stream: Stream, probes: readonly Probe[], extents: Extents): void {
    for (const probe of probes) {
      const { tensor, slot, pass } = probe;
      const elements = evaluate(count(tensor), extents);
      if (elements <= 0) continue;
      const { offset, stride } = tensor.shape.length > 1 ? placement(tensor) : flatPlacement(tensor);
      const across = tensor.shape.length > 1 ? width(tensor) : elements;
      const groups = Math.min(MOST_GROUPS, Math.ceil(elements / (64 * rangeStretch)));
      const values = [elements, across, evaluate(offset, extents), evaluate(stride, extents), groups, slot];
      const words = Uint32Array.from(values);
      const start = evaluate(windowStart(tensor), extents) * bytesOf(tensor.dtype);
      const uniforms = this.device.uniforms.offset(words);
      const encoder = stream.compute(pass, 'range', elements * 40);
      encoder.setPipeline(this.made!.pipeline.pipeline);
      encoder.setBindGroup(0, probe.group(start, boundBytes(tensor)), [uniforms]);
      encoder.dispatchWorkgroups(groups);
      this.encoded.add(probe);
    }
  }

  /** Waits for what is encoded and looks at it. @throws OvertoneError `numerics` naming the first tensor with NaN or infinity. */
  async settle(stream: Stream): Promise<void> {
    stream.submit();
    const bytes = await this.device.read(this.made!.largest, 0, 4 * this.seen.length);
    const words = new Uint32Array(bytes.buffer);
    for (const [slot, entry] of this.seen.entries()) entry.bits = Math.max(entry.bits, words[slot]);
    const { encoded } = this;
    this.encoded = new Set();
    for (const { pass, slot, weights } of encoded) {
      if (words[slot] < INFINITY_BITS) continue;
      const what = words[slot] > INFINITY_BITS ? 'NaN' : 'infinity';
      const made = weights.length > 0 ? `; it is made with ${weights.join(', ')}` : '';
      throw new OvertoneError(
        'numerics',
        `[${pass}] ${this.seen[slot].name} must be finite but holds ${what}, the first tensor that does${made}: check that the weights are whole and of this model`,
      );
    }
  }

  /** What has been seen so far, pass by pass in the order of the dispatches. */
  ranges(): TensorRange[] {
    return this.seen.map(({ pass, name, bits }) => ({ pass, name, largest: floatOf(bits) }));
  }

  destroy(): void {
    this.made?.largest.destroy();
    void this.parts?.then(
      ({ largest }) => largest.destroy(), // one that was on its way
      () => undefined,
    );
    this.made = undefined;
    this.parts = undefined;
  }
}

const flatPlacement = (x: Tensor) => ({ offset: x.view?.offset ?? 0, stride: 0 });

function floatOf(bits: number): number {
  return new Float32Array(Uint32Array.of(bits).buffer)[0];
}
