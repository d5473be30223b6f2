/** What a picture given with `--from` remembers of the weights that made it. */
import { type Quantised, isQuantised } from '../../src/engine/index.ts';
import type { ModelIdentity, PictureRecord } from '../../src/harmon/record.ts';

/** The quantised form that it was made with. */
export function rememberedForm(from: PictureRecord | undefined): Quantised | undefined {
  const form = from?.model.weights ?? '';
  return isQuantised(form) ? form : undefined;
}

/** A sentence where these are other weights than those that made the picture. */
export function otherWeights({ model: was }: PictureRecord, is: ModelIdentity): string | undefined {
  if (was.hash === is.hash && was.weights === is.weights) return undefined;
  return `The picture was made with other weights (${nameOf(was)}) than these (${nameOf(is)}): the new one will differ.\n`;
}

const nameOf = ({ name, hash, weights }: ModelIdentity): string => `${name} ${hash.slice(0, 10)} ${weights}`;
