/** The two tasks of a model, from request to result, and where their time goes. */
import type { Device } from '../src/engine/index.ts';
import type { GeneratedPicture, Harmon } from '../src/harmon/index.ts';
import { type Clock, startWatch } from '../node/clock.ts';
import { type ModelName, openModel } from './models.ts';
import { HostProfile, Profile } from './profile.ts';
import type { BenchRecord, Phase } from './record.ts';
import { median } from './stats.ts';

const PROMPT = 'a panda on the left and a burger on the right';
const QUESTION = 'What is on the left?';

export interface PhaseSettings {
  readonly model: ModelName;
  /** Side of the picture; the model's own without. */
  readonly imageSize?: number;
  readonly clock: Clock;
  readonly iterations: number;
  /** Repetitions after the first, cold one. */
  readonly repeats: number;
  readonly signal?: AbortSignal;
  readonly onStep?: (done: number, total: number) => void;
}

/** Runs both tasks. The device's caches decide how cold the first run is. */
export async function measurePhases(
  device: Device,
  settings: PhaseSettings,
): Promise<Pick<BenchRecord, 'phases' | 'memory'>> {
  const { repeats, clock, signal } = settings;
  const total = 2 * (repeats + 2);
  let done = 0;
  const step = () => settings.onStep?.(++done, total);
  const model = await openModel(settings.model, device, signal);
  try {
    const make = () => draw(model, settings);
    const [firstPicture, picture] = await clocked(clock, make);
    step();
    const pictures: number[] = [];
    for (let i = 0; i < repeats; i++) {
      pictures.push((await clocked(clock, make))[0]);
      step();
    }
    const seconds = median(pictures);
    const drawing = await profiled(device, make);
    step();

    const ask = () => answer(model, picture, settings);
    const [firstAnswer] = await clocked(clock, ask);
    step();
    const answers: { seconds: number; firstToken: number; tokensPerSecond?: number }[] = [];
    for (let i = 0; i < repeats; i++) {
      const [whole, said] = await clocked(clock, ask);
      answers.push({ seconds: whole, ...said });
      step();
    }
    const of = (key: keyof (typeof answers)[number]) => median(answers.flatMap((a) => a[key] ?? []));
    const describing = await profiled(device, ask);
    step();
    const [height, width] = [picture.height, picture.width];
    const phases: Phase[] = [
      {
        task: 'text2image',
        what: `${model.config.name} ${width}×${height}, ${settings.iterations} iterations, guidance 3`,
        first: firstPicture,
        seconds,
        iteration: seconds / settings.iterations,
        ...drawing,
      },
      {
        task: 'image2text',
        what: `${model.config.name} ${width}×${height}, “${QUESTION}”`,
        first: firstAnswer,
        seconds: of('seconds'),
        firstToken: of('firstToken'),
        ...(answers.some((a) => a.tokensPerSecond !== undefined) && { tokensPerSecond: of('tokensPerSecond') }),
        ...describing,
      },
    ];
    return { phases, memory: { peak: device.peakBytes, alive: { ...device.bytes } } };
  } finally {
    model.destroy();
  }
}

async function draw(model: Harmon, { iterations, imageSize, signal }: PhaseSettings): Promise<GeneratedPicture> {
  const [picture] = await model.generate({ prompt: PROMPT, iterations, imageSize, seed: 1, signal });
  return picture;
}

/** Seconds to the first token, and tokens a second from there on. */
async function answer(model: Harmon, picture: GeneratedPicture, { clock, imageSize, signal }: PhaseSettings) {
  const watch = startWatch(clock);
  const at: number[] = [];
  const onToken = () => void at.push(watch() / 1e3);
  for await (const _ of model.describe(picture, { question: QUESTION, maxNewTokens: 64, imageSize, signal, onToken }));
  return {
    firstToken: at[0],
    tokensPerSecond: at.length > 1 ? (at.length - 1) / (at[at.length - 1] - at[0]) : undefined,
  };
}

async function clocked<T>(clock: Clock, task: () => Promise<T>): Promise<[seconds: number, result: T]> {
  const watch = startWatch(clock);
  const result = await task();
  return [watch() / 1e3, result];
}

async function profiled(
  device: Device,
  task: () => Promise<unknown>,
): Promise<Pick<Phase, 'dispatches' | 'passes' | 'host'>> {
  const profile = new Profile(device);
  const host = new HostProfile();
  try {
    device.profiler = host; // by itself: timestamps would make a pass of each dispatch
    await task();
    device.profiler = profile;
    await task();
    device.profiler = undefined;
    const passes = await profile.read();
    return { dispatches: passes.reduce((sum, pass) => sum + pass.dispatches, 0), host: host.read(), passes };
  } finally {
    device.profiler = undefined;
    profile.destroy();
  }
}
