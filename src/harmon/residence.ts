/**
 * Which passes of a task lie on the device: all of them at once, or only the group at work, where memory is scarce. Buffers of the groups before are
 * given back when another one enters, and so are weights that it does not use, if there is no room for both.
 */
import { type DeviceBuffer, type Plan, type Session, type SessionSet, plannedBytes } from '../engine/index.ts';
import { type OnProgress, type Runtime, openSessions } from './runtime.ts';

export interface ResidenceOptions<Pass extends string> {
  /** Passes that lie on the device together; each pass is in one group. */
  readonly groups: readonly (readonly Pass[])[];
  /** Names that stand for another name's buffer. */
  readonly aliases?: Readonly<Record<string, string>>;
  /** Buffers whose contents go from group to group, over the host. */
  readonly carry: readonly string[];
}

export interface EnterOptions {
  readonly signal?: AbortSignal;
  readonly onProgress?: OnProgress;
}

export class Residence<Pass extends string> {
  private present: { readonly group: readonly Pass[]; readonly set: SessionSet<Pass> } | undefined;
  /** What lay in the carried buffers when their group left. */
  private readonly carried = new Map<string, Uint8Array<ArrayBuffer>>();
  private destroyed = false;

  constructor(
    private readonly runtime: Runtime,
    private readonly plans: Readonly<Record<Pass, Plan>>,
    private readonly options: ResidenceOptions<Pass>,
  ) {}

  /** Brings the group of `pass` onto the device. Whether it has come just now: then its buffers hold nothing but what is carried. */
  async enter(pass: Pass, options: EnterOptions = {}): Promise<boolean> {
    if (this.present?.group.includes(pass)) return false;
    await this.leave();
    const { device, memory, weights } = this.runtime;
    const group = this.options.groups.find((passes) => passes.includes(pass))!;
    const plans = Object.fromEntries(group.map((name) => [name, this.plans[name]])) as Record<Pass, Plan>;
    const all = Object.values<Plan>(plans);
    const aliases = aliasesOf(all, this.options.aliases);
    const operands = all.flatMap((plan) => plan.weights);
    if (memory !== undefined) {
      const { state, activations } = plannedBytes(all, aliases);
      const more = weights.missingBytes(operands) + state + activations;
      if (device.totalBytes + more > memory) weights.keep(operands);
    }
    const set = await openSessions(this.runtime, plans, { ...options, aliases });
    if (this.destroyed) set.destroy();
    else this.present = { group, set };
    await device.scope('carried', () => {
      for (const [name, bytes] of this.carried)
        if (has(all, name)) device.gpu.queue.writeBuffer(this.buffer(name).gpu, 0, bytes);
    });
    return true;
  }

  /** Gives back the group that is there; what it carries stays on the host. */
  private async leave(): Promise<void> {
    if (!this.present) return;
    const { group, set } = this.present;
    const plans = group.map((pass) => this.plans[pass]);
    for (const name of this.options.carry)
      if (has(plans, name)) {
        const buffer = set.buffer(name);
        this.carried.set(name, await this.runtime.device.read(buffer, 0, buffer.bytes));
      }
    this.present = undefined;
    set.destroy();
  }

  /** The session of a pass whose group has entered. */
  get(pass: Pass): Session {
    return this.present!.set.get(pass);
  }

  /** The passes that are there. */
  get group(): readonly Pass[] {
    return this.present?.group ?? [];
  }

  /** A buffer of the group that is there. */
  buffer(name: string): DeviceBuffer {
    return this.present!.set.buffer(name);
  }

  destroy(): void {
    this.destroyed = true;
    this.present?.set.destroy();
    this.present = undefined;
  }
}

const has = (plans: readonly Plan[], name: string): boolean => plans.some((plan) => plan.named.has(name));

/** Those of the aliases whose buffer these plans have. */
export function aliasesOf(
  plans: readonly Plan[],
  aliases: Readonly<Record<string, string>> = {},
): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(aliases).filter(([, name]) => has(plans, name)));
}
