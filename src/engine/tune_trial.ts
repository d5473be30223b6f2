/** A trial: one variant of one node on a device, with zeros for data, ready to be timed. */
import type { Device } from './device.ts';
import { type Extents, evaluate, mul } from './extent.ts';
import type { Node } from './graph.ts';
import type { Plan } from './plan.ts';
import { type Session, createSession } from './session.ts';
import type { Timer } from './timer.ts';
import type { WeightStore } from './weights.ts';

/** Milliseconds of work in one measurement, so that clocks and submits do not show, and most runs in it. */
const STRETCH = 5;
const MOST_RUNS = 100;

export class Trial {
  private constructor(
    readonly plan: Plan,
    private readonly session: Session,
    private readonly timer: Timer,
    private readonly extents: Extents,
    private readonly runs: number,
    /** Milliseconds that its kernels took to compile, those apart that the device had already. */
    readonly compile: number,
    /** Milliseconds of its second run. */
    readonly first: number,
  ) {}

  /** Compiles and runs twice: drivers that compile at the first dispatch are caught by it. @throws what compiling and running throw. */
  static async create(
    device: Device,
    timer: Timer,
    plan: Plan,
    { node, extents, weights, signal }: { node: Node; extents: Extents; weights: WeightStore; signal?: AbortSignal },
  ): Promise<Trial> {
    await weights.reserve(plan.weights);
    await device.wait('tune', device.gpu.queue.onSubmittedWorkDone());
    const watch = timer.watch();
    const session = await createSession(device, plan, { weights, signal });
    const pipelines = watch();
    try {
      await fillInputs(device, session, node, extents);
      const once = () => timer.time('tune', (stream) => session.encode(stream, extents));
      const first = await once();
      const second = await once();
      const runs = Math.max(1, Math.min(MOST_RUNS, Math.ceil(STRETCH / second)));
      return new Trial(plan, session, timer, extents, runs, pipelines + Math.max(0, first - second), second);
    } catch (error) {
      session.destroy();
      throw error;
    }
  }

  /** Milliseconds of a run, many of them in a row. */
  async time(): Promise<number> {
    const ms = await this.timer.time('tune', async (stream) => {
      for (let i = 0; i < this.runs; i++) await this.session.encode(stream, this.extents);
    });
    return ms / this.runs;
  }

  destroy(): void {
    this.session.destroy();
  }
}

/** Values of inputs that decide how much work there is, such as how full a cache is. */
async function fillInputs(device: Device, session: Session, node: Node, extents: Extents): Promise<void> {
  const stream = device.stream('tune');
  try {
    for (const [name, x] of Object.entries(node.inputs)) {
      const value = node.op.timedValue?.(node, name, extents) ?? 0;
      if (value === 0 || x.dtype !== 'u32' || !session.plan.named.has(x.name)) continue;
      stream.write(session.buffer(x.name), new Uint32Array(evaluate(mul(...x.shape), extents)).fill(value));
    }
    await stream.finish();
  } catch (error) {
    await stream.abandon();
    throw error;
  }
}
