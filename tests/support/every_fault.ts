/**
 * The loop over n: fail the n-th call of a run for n = 1, 2, … until a run passes untouched. After each failure there must be one typed
 * error, no byte and no promise held, and the next run on a fresh device must equal the undisturbed one.
 */
import { type Device, GpuError, OvertoneError } from '../../src/engine/index.ts';
import { CALLS, type Call, type FaultyDevice, MODES, type Mode, faultyDevice } from './faulty_device.ts';

export interface Scenario<T> {
  /** One whole run. It pushes the engine device that it opens to `devices`, and gives everything back whatever happens. */
  run(host: FaultyDevice, devices: Device[]): Promise<T>;
  /** In words, where two results differ. */
  difference(a: T, b: T): string | undefined;
}

/** Whether every point is tried (`npm run test:faults`) or a spread of them. */
export const every = process.env.OVERTONE_FAULTS === 'every';

/** Points of a run with these calls: all of them, or the first, the last and `between` more of each kind; other ones for each `turn`. */
export function points<Call>(calls: readonly Call[], between: number, turn = 0): number[] {
  if (every) return calls.map((_, i) => i + 1);
  const chosen = new Set<number>();
  for (const kind of new Set(calls)) {
    const own = calls.flatMap((call, i) => (call === kind ? [i + 1] : []));
    const pick = (share: number) => chosen.add(own[Math.round(share * (own.length - 1))]);
    [0, 1].forEach(pick);
    for (let i = 0; i < between; i++) pick((i + (turn + 1) / 4) / between);
  }
  return [...chosen].sort((a, b) => a - b);
}

/** Rejections that nobody handled since the last call. */
const unhandled: unknown[] = [];
process.on('unhandledRejection', (reason) => unhandled.push(reason));

/** Runs undisturbed; throws unless everything was given back. */
export async function undisturbed<T>({ run }: Scenario<T>): Promise<{ result: T; host: FaultyDevice }> {
  const host = await faultyDevice();
  const devices: Device[] = [];
  const result = await run(host, devices);
  const problem = await held(host, devices);
  if (problem) throw new Error(`an undisturbed run must hold nothing afterwards, but ${problem}`);
  return { result, host };
}

export interface Report {
  /** Points hit, by mode and call. */
  readonly hits: Readonly<Record<Mode, Record<Call, number>>>;
  readonly total: number;
  /** One line for each point after which something did not hold. */
  readonly problems: readonly string[];
}

/** Tries the points of `scenario` in every mode; a spread of them, with `between` of each kind of call, unless all are asked for. */
export async function everyFault<T>(scenario: Scenario<T>, between: number): Promise<Report> {
  const { result: expected, host } = await undisturbed(scenario);
  const hits = Object.fromEntries(
    MODES.map((mode) => [mode, Object.fromEntries(CALLS.map((call) => [call, 0]))]),
  ) as Record<Mode, Record<Call, number>>;
  const problems: string[] = [];
  let total = 0;
  for (const [turn, mode] of MODES.entries()) {
    const at = points(host.calls, between, turn);
    // the number of calls may vary a little with time, so the end is where a run passes untouched
    for (let i = 0, n = at[0]; ; i++, n = at[i] ?? Math.max(n, host.calls.length) + 1) {
      const { call, problem } = await tryFault(scenario, expected, n, mode);
      if (problem) problems.push(`${mode} at ${n} (${call ?? 'untouched'}): ${problem}`);
      if (!call) break;
      hits[mode][call]++;
      total++;
    }
  }
  return { hits, total, problems };
}

async function tryFault<T>(
  scenario: Scenario<T>,
  expected: T,
  at: number,
  mode: Mode,
): Promise<{ call?: Call; problem?: string }> {
  const host = await faultyDevice({ at, mode });
  const devices: Device[] = [];
  let error: unknown;
  let result: T | undefined;
  try {
    result = await within(10_000, scenario.run(host, devices));
  } catch (thrown) {
    error = thrown;
  }
  const call = host.hit;
  if (!call) {
    if (error) return { problem: `it must pass untouched but threw ${text(error)}` };
    return { problem: scenario.difference(expected, result!) };
  }
  const problem =
    (error ? wrong(error, mode) : unnoticed(scenario, expected, result!, host, at, mode)) ??
    (await held(host, devices));
  if (problem) return { call, problem };
  const next = await undisturbed(scenario).catch((thrown: unknown) => text(thrown));
  if (typeof next === 'string') return { call, problem: `the next run failed: ${next}` };
  const differs = scenario.difference(expected, next.result);
  return { call, problem: differs && `the next run differs in ${differs}` };
}

/** What is wrong with a run that went on. Only a loss while the last results are on their way may come too late to be seen: then they are the right ones. */
function unnoticed<T>(
  { difference }: Scenario<T>,
  expected: T,
  result: T,
  { calls }: FaultyDevice,
  at: number,
  mode: Mode,
): string | undefined {
  if (mode === 'refused' || calls.includes('mapAsync', at)) return 'no error';
  return difference(expected, result);
}

/** What is wrong with the error that a failed call became. */
function wrong(error: unknown, mode: Mode): string | undefined {
  if (!(error instanceof GpuError)) return `the error must be a GpuError but is ${text(error)}`;
  const named = error.label !== '' && error.label !== 'device' && error.message.includes(`[${error.label}]`);
  if (!named) return `no step is named in ${text(error)}`;
  if (mode !== 'refused' && error.kind !== 'lost') return `the error must be of kind lost but is ${text(error)}`;
  return undefined;
}

/** What is still held after a run, or which rejections nobody handled. */
export async function held(host: FaultyDevice, devices: readonly Device[]): Promise<string | undefined> {
  for (let waited = 0; host.waiting > 0 && waited < 5000; waited += 20) await sleep(waited === 0 ? 0 : 20);
  if (host.waiting > 0) return `${host.waiting} promises are pending after 5 s`;
  await sleep(0);
  const lost = unhandled.splice(0);
  if (lost.length > 0) return `nobody handled ${text(lost[0])}`;
  const tracked = devices.reduce((sum, device) => sum + device.totalBytes, 0);
  if (tracked !== 0) return `${tracked} tracked bytes are held`;
  if (host.liveBuffers > 0) return `${host.liveBuffers} buffers of ${host.liveBytes} bytes are not destroyed`;
  return undefined;
}

/** The same promise, or a rejection after `ms` that says that it is pending. */
export async function within<T>(ms: number, promise: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`the run is pending after ${ms / 1000} s`)), ms);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** The report as lines of text. */
export function reportText(name: string, { hits, total }: Report): string {
  const lines = Object.entries(hits).map(([mode, calls]) => {
    const counts = Object.entries(calls).map(([call, n]) => `${n} ${call}`);
    return `  ${mode}: ${counts.join(', ')}`;
  });
  return [`${name}: ${total} points hit`, ...lines].join('\n');
}

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

function text(error: unknown): string {
  const name = error instanceof OvertoneError || error instanceof Error ? error.name : typeof error;
  return `${name}: ${error instanceof Error ? error.message : String(error)}`;
}
