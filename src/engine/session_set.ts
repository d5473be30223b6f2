/**
 * A session set: the sessions of passes that run in turn. Buffers of one name are one buffer (a cache, an output that is the next pass's
 * input), and intermediates of all passes lie in the same memory. The set owns all of it.
 */
import { type Device, type DeviceBuffer, bufferBytes } from './device.ts';
import type { Plan } from './plan.ts';
import type { RangeWatch } from './range_watch.ts';
import type { Session } from './session.ts';
import { Scratch, createSession, scratchSizes } from './session.ts';
import { type WeightStore, weightBytes } from './weights.ts';

export interface SessionSetOptions {
  readonly weights: WeightStore;
  /** Names that stand for another name's buffer: `{ token: 'next' }`. */
  readonly aliases?: Readonly<Record<string, string>>;
  readonly watch?: RangeWatch;
  readonly signal?: AbortSignal;
}

export class SessionSet<Name extends string> {
  private constructor(
    private readonly sessions: Readonly<Record<Name, Session>>,
    private readonly buffers: Readonly<Record<string, DeviceBuffer>>,
    private readonly scratch: Scratch,
  ) {}

  static async create<Name extends string>(
    device: Device,
    plans: Readonly<Record<Name, Plan>>,
    options: SessionSetOptions,
  ): Promise<SessionSet<Name>> {
    const all = Object.entries<Plan>(plans);
    const canonical = (name: string) => options.aliases?.[name] ?? name;
    const sizes = namedSizes(Object.values<Plan>(plans), canonical);
    const owned: { destroy(): void }[] = [];
    try {
      const buffers: Record<string, DeviceBuffer> = {};
      await device.scope('buffers', () => {
        for (const [name, { bytes, state }] of sizes) {
          buffers[name] = device.createStorage(name, bytes, state ? 'state' : 'activations');
          owned.push(buffers[name]);
        }
      });
      for (const name of Object.keys(options.aliases ?? {})) buffers[name] = buffers[canonical(name)];
      const scratch = await Scratch.create(device, Object.values<Plan>(plans));
      owned.push(scratch);
      const made = await Promise.allSettled(
        all.map(([, plan]) => createSession(device, plan, { ...options, buffers, scratch })),
      );
      for (const result of made) if (result.status === 'fulfilled') owned.push(result.value);
      const sessions = made.map((result) => {
        if (result.status === 'rejected') throw result.reason;
        return result.value;
      });
      const byName = Object.fromEntries(all.map(([name], i) => [name, sessions[i]])) as Record<Name, Session>;
      return new SessionSet(byName, buffers, scratch);
    } catch (error) {
      for (const object of owned) object.destroy();
      throw error;
    }
  }

  get(name: Name): Session {
    return this.sessions[name];
  }

  buffer(name: string): DeviceBuffer {
    return this.buffers[name];
  }

  destroy(): void {
    for (const session of Object.values<Session>(this.sessions)) session.destroy();
    for (const buffer of Object.values(this.buffers)) buffer.destroy();
    this.scratch.destroy();
  }
}

/** Bytes of each buffer that plans know by name, and whether it is a state. */
function namedSizes(plans: readonly Plan[], canonical: (name: string) => string) {
  const sizes = new Map<string, { bytes: number; state: boolean }>();
  for (const plan of plans)
    for (const { name, bytes, kind } of plan.named.values()) {
      const before = sizes.get(canonical(name));
      sizes.set(canonical(name), {
        bytes: Math.max(bytes, before?.bytes ?? 0),
        state: kind === 'state' || !!before?.state,
      });
    }
  return sizes;
}

/** What a session set of these plans takes on a device, bytes by purpose, its weights included. */
export interface PlannedBytes {
  readonly weights: number;
  readonly state: number;
  readonly activations: number;
  /** The largest single buffer. */
  readonly largest: number;
}

/** Adds up what `SessionSet.create` and `WeightStore.load` would make; no device is asked. */
export function plannedBytes(plans: readonly Plan[], aliases: Readonly<Record<string, string>> = {}): PlannedBytes {
  const sum = (sizes: readonly number[]) => sizes.reduce((total, bytes) => total + bytes, 0);
  const operands = [...new Map(plans.flatMap((plan) => plan.weights).map((o) => [o.key, o])).values()];
  const weights = operands.map(weightBytes);
  const named = [...namedSizes(plans, (name) => aliases[name] ?? name).values()];
  const of = (state: boolean) => named.filter((n) => n.state === state).map(({ bytes }) => bufferBytes(bytes));
  const { blocks, images } = scratchSizes(plans);
  const shared = [...blocks.map(bufferBytes), ...images.map(({ width, height }) => width * height * 16)];
  return {
    weights: sum(weights.flat()),
    state: sum(of(true)),
    activations: sum([...of(false), ...shared]),
    largest: Math.max(...weights.flat(), ...of(true), ...of(false), ...shared),
  };
}
