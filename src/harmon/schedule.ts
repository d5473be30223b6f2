/**
 * The two schedules of making a picture: how many tokens each iteration of the masked loop predicts and how strongly it is
 * guided, and the coefficients of the diffusion sampler that predicts them. Plain float64 arithmetic, made once per run.
 */
import { ArgumentError } from '../engine/index.ts';
import { shown } from './options.ts';

export type GuidanceSchedule = 'constant' | 'linear';

/** One iteration of the masked loop: before it `masked` tokens of each picture are masked, after it `remaining`. */
export interface Iteration {
  readonly masked: number;
  readonly remaining: number;
  /** Tokens predicted in this iteration: the order's entries remaining … masked−1. */
  readonly predicted: number;
  /** Weight w of guidance, e = e_u + w·(e_c − e_u). */
  readonly guidance: number;
}

/**
 * The masked loop over `tokens` tokens (those masked at the start) in `iterations` iterations.
 * Masked counts follow the cosine M_{k+1} = max(1, min(M_k − 1, ⌊N·cos(π/2·(k+1)/K)⌋)); the last iteration predicts all that is left.
 * @throws ArgumentError for more iterations than tokens, which would leave some with nothing to predict.
 */
export function maskedLoop(
  tokens: number,
  iterations: number,
  guidance: number,
  schedule: GuidanceSchedule = 'constant',
): readonly Iteration[] {
  if (!(Number.isInteger(tokens) && tokens >= 1))
    throw new ArgumentError(`[iterations] the masked tokens must be a positive whole number but are ${tokens}`);
  if (!(Number.isInteger(iterations) && iterations >= 1 && iterations <= tokens))
    throw new ArgumentError(
      `[iterations] the number of iterations must be from 1 to ${tokens}, the number of tokens to make, but is ${shown(iterations)}`,
    );
  if (!Number.isFinite(guidance)) throw new ArgumentError(`[guidance] must be a finite number but is ${guidance}`);
  if (schedule !== 'constant' && schedule !== 'linear')
    throw new ArgumentError(`[guidance schedule] must be 'constant' or 'linear' but is ${shown(schedule)}`);
  const loop: Iteration[] = [];
  let masked = tokens;
  for (let k = 0; k < iterations; k++) {
    const cosine = Math.floor(tokens * Math.cos(((Math.PI / 2) * (k + 1)) / iterations));
    const next = Math.max(1, Math.min(masked - 1, cosine));
    const remaining = k === iterations - 1 ? 0 : next;
    // The reference takes the linear weight from the count before the last iteration sets it to 0.
    const weight = schedule === 'constant' ? guidance : 1 + ((guidance - 1) * (tokens - next)) / tokens;
    loop.push({ masked, remaining, predicted: masked - remaining, guidance: weight });
    masked = remaining;
  }
  return loop;
}

/** Coefficients of the respaced sampler, index i = 0 … steps−1; sampling runs from the last index down to 0. All float64. */
export interface DiffusionSchedule {
  readonly steps: number;
  /** Timestep (0 … 999) that the head is given at index i. */
  readonly timesteps: readonly number[];
  /** x0 = signal·x − noise·e: sqrt(1/ā) and sqrt(1/ā − 1). */
  readonly signal: Float64Array;
  readonly noise: Float64Array;
  /** mean = fromStart·x0 + fromNow·x. */
  readonly fromStart: Float64Array;
  readonly fromNow: Float64Array;
  /** The log variance is f·logVarianceMax + (1 − f)·logVarianceMin with f = (v + 1)/2. */
  readonly logVarianceMin: Float64Array;
  readonly logVarianceMax: Float64Array;
}

const TRAINING_STEPS = 1000;

/**
 * The cosine schedule over 1000 training steps, respaced to `steps` of them.
 * @throws ArgumentError unless 2 ≤ steps ≤ 1000.
 */
export function diffusionSchedule(steps: number): DiffusionSchedule {
  if (!(Number.isInteger(steps) && steps >= 2 && steps <= TRAINING_STEPS))
    throw new ArgumentError(`[timesteps] must be a whole number from 2 to ${TRAINING_STEPS} but is ${shown(steps)}`);
  const alphaBar = trainingAlphaBar();
  const timesteps: number[] = [];
  const stride = (TRAINING_STEPS - 1) / (steps - 1);
  for (let i = 0, at = 0; i < steps; i++, at += stride) timesteps.push(roundHalfEven(at));

  const beta = Float64Array.from(timesteps, (t, i) => 1 - alphaBar[t] / (i === 0 ? 1 : alphaBar[timesteps[i - 1]]));
  const bar = new Float64Array(steps);
  for (let i = 0; i < steps; i++) bar[i] = (i === 0 ? 1 : bar[i - 1]) * (1 - beta[i]);
  const before = Float64Array.from(bar, (_, i) => (i === 0 ? 1 : bar[i - 1]));
  const variance = beta.map((b, i) => (b * (1 - before[i])) / (1 - bar[i]));
  return {
    steps,
    timesteps,
    signal: bar.map((a) => Math.sqrt(1 / a)),
    noise: bar.map((a) => Math.sqrt(1 / a - 1)),
    fromStart: beta.map((b, i) => (b * Math.sqrt(before[i])) / (1 - bar[i])),
    fromNow: beta.map((b, i) => ((1 - before[i]) * Math.sqrt(1 - b)) / (1 - bar[i])),
    // The first variance is 0; its logarithm is taken from the second.
    logVarianceMin: variance.map((_, i) => Math.log(variance[Math.max(i, 1)])),
    logVarianceMax: beta.map((b) => Math.log(b)),
  };
}

/** ∏(1 − β_j) with β_j = min(1 − g((j+1)/1000)/g(j/1000), 0.999), g(t) = cos²((t + 0.008)/1.008·π/2). */
function trainingAlphaBar(): Float64Array {
  const g = (t: number) => Math.cos((((t + 0.008) / 1.008) * Math.PI) / 2) ** 2;
  const bar = new Float64Array(TRAINING_STEPS);
  for (let j = 0, product = 1; j < TRAINING_STEPS; j++) {
    product *= 1 - Math.min(1 - g((j + 1) / TRAINING_STEPS) / g(j / TRAINING_STEPS), 0.999);
    bar[j] = product;
  }
  return bar;
}

/** Python's round: halves go to the even neighbour. */
function roundHalfEven(x: number): number {
  const low = Math.floor(x);
  const rest = x - low;
  return rest > 0.5 || (rest === 0.5 && low % 2 === 1) ? low + 1 : low;
}
