/** Settings as text for elsewhere: a link whose settings stand behind its #, a line for the command line, code. */
import { type Settings, type SettledSettings, settingsFrom } from './settings.ts';

/** Short names in a link, in its order. */
const KEYS = {
  prompt: 'prompt',
  seed: 'seed',
  width: 'width',
  height: 'height',
  iterations: 'iterations',
  guidance: 'guidance',
  guidanceSchedule: 'schedule',
  guidancePrompt: 'guidance-prompt',
  temperature: 'temperature',
  timesteps: 'timesteps',
  count: 'count',
} as const satisfies Record<keyof Settings, string>;

const isText = (key: string): boolean => key === 'prompt' || key === 'guidancePrompt' || key === 'guidanceSchedule';

/** The part of a link behind its #, which browsers send to no server. What is as in `base` is left out, but for the prompt. */
export function toFragment(settings: Settings, base: Settings): string {
  const parameters = new URLSearchParams();
  for (const [key, name] of Object.entries(KEYS) as [keyof Settings, string][]) {
    const value = settings[key];
    if (value !== undefined && (key === 'prompt' || value !== base[key])) parameters.set(name, String(value));
  }
  return parameters.toString();
}

/** Settings of a link's fragment, or nothing where it holds none. */
export function fromFragment(fragment: string, base: Settings): Settings | undefined {
  const parameters = new URLSearchParams(fragment.replace(/^#/, ''));
  if (!parameters.has(KEYS.prompt)) return undefined;
  const given: Record<string, unknown> = {};
  for (const [key, name] of Object.entries(KEYS)) {
    const value = parameters.get(name);
    if (value !== null) given[key] = isText(key) ? value : value.trim() === '' ? NaN : Number(value);
  }
  return settingsFrom(given, base);
}

/** A line for the command line, quoted for POSIX shells; of a sheet with its `sweep`. */
export function toCommandLine(settings: SettledSettings, sweep: readonly string[] = []): string {
  const { width, height, count } = settings;
  const side = Math.ceil(Math.sqrt(count));
  const options: [string, string][] = [
    ['--prompt', quoted(settings.prompt)],
    ['--seed', String(settings.seed)],
    ['--image-size', width === height ? String(width) : `${width}x${height}`],
    ['--num-iter', String(settings.iterations)],
    ['--cfg', String(settings.guidance)],
    ['--cfg-schedule', settings.guidanceSchedule],
    ['--cfg-prompt', quoted(settings.guidancePrompt)],
    ['--temperature', String(settings.temperature)],
    ['--timesteps', String(settings.timesteps)],
    ...(side > 1 ? [['--grid-size', String(side)] as [string, string]] : []),
    ...sweep.map((axis): [string, string] => ['--sweep', quoted(axis)]),
    ['--output', 'picture.png'],
  ];
  return `overtone text2image ${options.map(([name, value]) => `${name} ${value}`).join(' ')}`;
}

/** The line that makes an edit again, from its own saved file and the picture that was edited. */
export const toEditLine = (file: string): string =>
  `overtone edit --from ${quoted(file)} --image 'the picture that was edited.png' --output picture.png`;

const quoted = (text: string): string => `'${text.replaceAll("'", String.raw`'\''`)}'`;

/** A few lines of code that make the same. */
export function toCode(settings: SettledSettings): string {
  const { prompt, seed, width, height, count, guidance, guidanceSchedule, guidancePrompt, ...rest } = settings;
  const options = {
    prompt,
    seed,
    ...(count > 1 && { count }),
    imageSize: [width, height],
    guidance,
    guidanceSchedule,
    guidancePrompt,
    ...rest,
  };
  const lines = Object.entries(options).map(([name, value]) => `  ${name}: ${JSON.stringify(value)},`);
  return [
    "import { openModel } from 'overtone-gpu/web';",
    '',
    "const harmon = await openModel('embedded');",
    'const pictures = await harmon.generate({',
    ...lines,
    '});',
  ].join('\n');
}
