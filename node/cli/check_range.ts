/** `--check-range`: a run that looks at every tensor it stores, and a file of what it found. */
import { writeFileAtomic } from '../files.ts';
import type { ModelFiles } from '../model.ts';
import type { Harmon } from '../../src/harmon/index.ts';
import { type WeightRange, overflowText, rangePlan, weightRanges } from '../../src/harmon/range_plan.ts';
import type { Context } from './session.ts';
import { visible } from './wording.ts';

export interface CheckRangeOptions {
  /** Path of the file; `true` for its usual name. */
  readonly checkRange?: string | true;
}

/** Looks at the weights before the run, and `finish`es after it; does nothing unless it is asked for. @throws OvertoneError `numerics`. */
export async function beginCheck({ checkRange }: CheckRangeOptions, files: ModelFiles, context: Context) {
  const { signal, note, progress } = context;
  let weights: WeightRange[] = [];
  if (checkRange !== undefined) {
    const step = progress.step('Checking weights', 1, () => 'all');
    weights = await weightRanges(files.weights, files.config, signal);
    step.end();
  }
  return async (model: Harmon): Promise<void> => {
    if (checkRange === undefined) return;
    const path = checkRange === true ? 'range.json' : checkRange;
    const about = { model: files.config.name, adapter: model.device.description };
    const plan = rangePlan(about, model.ranges(), weights);
    await writeFileAtomic(path, new TextEncoder().encode(`${JSON.stringify(plan, null, 1)}\n`));
    const safe = (list: readonly { readonly f16: boolean }[]) =>
      `${list.filter(({ f16 }) => f16).length} of ${list.length}`;
    note(
      `Ranges   ${visible(path)}: ${safe(plan.tensors)} tensors and ${safe(plan.weights)} weights may be stored in f16\n`,
    );
    const overflow = overflowText(plan);
    if (overflow) note(`Warning  ${overflow}\n`);
  };
}
