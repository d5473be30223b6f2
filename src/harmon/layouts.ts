/** How the tasks of an open model are laid out on its device: chosen once for each size that is asked for. */
import type { Quantised } from '../engine/index.ts';
import { type Chosen, type FormNeed, type NeedOf, arrange } from './arrangement.ts';
import type { PlanSource, Runtime } from './runtime.ts';

export class Layouts {
  private readonly known = new Map<string, Chosen>();

  /** `fewer`: forms of fewer bits that the weights could be opened in. */
  constructor(
    private readonly runtime: Runtime,
    private readonly fewer: readonly Quantised[],
  ) {}

  /**
   * The layout of a task of `shape`, of at most `pictures` at once. Without a limit of memory, what its buffers hold decides only how many pictures are
   * made at once; where `isSmall`, they hold all. @throws OvertoneError `memory` for what does not fit, with the bytes and the cure.
   */
  of(
    shape: object,
    pictures: number,
    isSmall: boolean,
    needOf: (source: PlanSource, memory?: number) => NeedOf,
  ): Chosen {
    const { runtime } = this;
    const { memory } = runtime;
    if (memory === undefined && (isSmall || pictures === 1))
      return { frugal: false, apart: false, bands: false, pictures };
    const key = JSON.stringify(shape);
    let chosen = this.known.get(key);
    if (!chosen) {
      const others = this.fewer.map((form): FormNeed => ({
        form,
        needOf: needOf({ ...runtime, quantise: form }, memory),
      }));
      chosen = arrange(needOf(runtime, memory), pictures, memory, others);
      this.known.set(key, chosen);
    }
    return chosen;
  }
}
