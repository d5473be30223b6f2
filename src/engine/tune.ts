/**
 * The tuner: times the variants of every choice of some plans on the device, at the sizes that the plans have, with zeros for data. No weight need
 * be loaded; what it makes it gives back.
 */
import type { Choices } from './choice.ts';
import type { Device } from './device.ts';
import { AbortError, ArgumentError, GpuError, throwIfAborted } from './errors.ts';
import { type Extents, evaluate } from './extent.ts';
import type { Node } from './graph.ts';
import { bytesMoved } from './op.ts';
import { type Plan, type PlanOptions, compileNode } from './plan.ts';
import { maxElements } from './tensor.ts';
import { Timer, type Watch } from './timer.ts';
import { type TimedChoice, chooseVariants } from './tune_choose.ts';
import { Trial } from './tune_trial.ts';
import { WeightStore } from './weights.ts';

/** A plan, how it was compiled, and how it is run. */
export interface TunedPass {
  readonly plan: Plan;
  readonly options: PlanOptions;
  /** Of a typical run. */
  readonly extents?: Extents;
  /** Runs in one task, such as a picture; 1 without. */
  readonly runs?: number;
}

export interface TuneOptions {
  /** Milliseconds after which nothing new is measured; 60,000 without. */
  readonly budget?: number;
  /** Tasks that one compilation of the kernels serves, which a slow compilation is weighed against; 10 without. */
  readonly tasks?: number;
  /** Keys that have their answer already: they are not measured again. */
  readonly known?: Choices;
  readonly signal?: AbortSignal;
  readonly onProgress?: (done: number, total: number) => void;
  /** What time is taken by, instead of the device's timestamps or the host's clock. */
  readonly watch?: Watch;
}

/** What was found of one variant: milliseconds of a call (the best of the default's rounds, the middle of others') and of compiling its kernels, or why it is out. */
export interface VariantResult {
  readonly name: string;
  readonly ms?: number;
  readonly compile?: number;
  readonly error?: string;
}

export interface TunedChoice {
  readonly key: string;
  /** The default first. */
  readonly variants: readonly VariantResult[];
  readonly chosen: string;
  /** In one task. */
  readonly calls: number;
}

export interface TuneResult {
  readonly tuned: readonly TunedChoice[];
  /** Keys that the budget was too short for. */
  readonly left: readonly string[];
}

const ROUNDS = 5;
/** Variants whose second run takes this many times the best one's are not timed further. */
const HOPELESS = 2;

/** Nodes of one size that ask for one key. */
interface Sample {
  readonly node: Node;
  readonly options: PlanOptions;
  readonly extents: Extents;
  calls: number;
}

interface Group {
  readonly key: string;
  readonly variants: readonly string[];
  readonly samples: Map<string, Sample>;
  /** Predicted work in one task. */
  units: number;
}

/** What the trials of a variant found, all samples together. */
interface Found {
  ms: number;
  compile: number;
  readonly kernels: Set<string>;
  error?: string;
}

/** Times variants, most work first. After an error or an abort nothing is held. @throws ArgumentError, AbortError, GpuError `lost`. */
export async function tune(
  device: Device,
  passes: readonly TunedPass[],
  options: TuneOptions = {},
): Promise<TuneResult> {
  const { budget = 60_000, tasks = 10, known, signal } = options;
  if (!(budget >= 0)) throw new ArgumentError(`[tune] the budget must be milliseconds from 0 up but is ${budget}`);
  const groups = groupsOf(passes).filter(({ key }) => !known?.has(key));
  const end = device.now() + budget;
  const timer = await Timer.create(device, options.watch);
  const compile = new Map<string, number>();
  const found = new Map<Group, Map<string, Found>>();
  try {
    for (const [i, group] of groups.entries()) {
      options.onProgress?.(i, groups.length);
      const bench = { device, timer, compile, signal, isOver: () => device.now() >= end };
      const times = await measureGroup(bench, group);
      if (!times) break;
      found.set(group, times);
    }
    options.onProgress?.(groups.length, groups.length);
  } finally {
    timer.destroy();
  }
  const timed = [...found].flatMap(([group, times]): TimedChoice[] => {
    const works = group.variants.filter((name) => times.get(name)!.error === undefined);
    const variants = works.map((name) => ({ name, ...times.get(name)! }));
    return variants.length > 0 ? [{ key: group.key, variants }] : [];
  });
  const winners = chooseVariants(timed, { compile, tasks, users: usersOf(passes) });
  return {
    tuned: [...found].map(([group, times]) => resultOf(group, times, winners.get(group.key) ?? group.variants[0])),
    left: groups.filter((group) => !found.has(group)).map(({ key }) => key),
  };
}

function resultOf({ key, variants, samples }: Group, times: ReadonlyMap<string, Found>, chosen: string): TunedChoice {
  const calls = [...samples.values()].reduce((sum, sample) => sum + sample.calls, 0);
  const found = variants.map((name): VariantResult => {
    const { ms, compile, error } = times.get(name)!;
    return error === undefined ? { name, ms: ms / calls, compile } : { name, error };
  });
  return { key, variants: found, chosen, calls };
}

/** The choices of all passes by key, most work first. */
function groupsOf(passes: readonly TunedPass[]): Group[] {
  const groups = new Map<string, Group>();
  for (const { plan, options, extents = {}, runs = 1 } of passes)
    for (const { key, variants, node } of plan.choices) {
      const group = groups.get(key) ?? { key, variants, samples: new Map<string, Sample>(), units: 0 };
      groups.set(key, group);
      const size = sizeOf(node, extents);
      const sample = group.samples.get(size);
      if (sample) sample.calls += runs;
      else group.samples.set(size, { node, options, extents, calls: runs });
      const bytes = bytesMoved(node, (x) => 4 * maxElements(x));
      group.units += runs * (evaluate(node.op.flops(node), extents) + 10 * evaluate(bytes, extents));
    }
  return [...groups.values()].sort((a, b) => b.units - a.units);
}

/** Shapes of inputs and output in one run. */
function sizeOf(node: Node, extents: Extents): string {
  const shape = (name: string, x: Node['output']) => `${name} ${x.shape.map((d) => evaluate(d, extents)).join('×')}`;
  return [...Object.entries(node.inputs).map(([name, x]) => shape(name, x)), shape('output', node.output)].join(', ');
}

/** Who uses each kernel as the plans are: keys of choices, or a plan's name for what has no choice. */
function usersOf(passes: readonly TunedPass[]): Map<string, Set<string>> {
  const users = new Map<string, Set<string>>();
  for (const { plan } of passes) {
    const keys = new Map(plan.choices.map(({ key, node }) => [node.output, key]));
    for (const { shader, output } of plan.dispatches)
      users.set(shader, (users.get(shader) ?? new Set()).add(keys.get(output) ?? plan.name));
  }
  return users;
}

interface Bench {
  readonly device: Device;
  readonly timer: Timer;
  readonly compile: Map<string, number>;
  readonly signal: AbortSignal | undefined;
  readonly isOver: () => boolean;
}

/** Times of all variants of a group, or undefined when time is over before all are known. */
async function measureGroup(bench: Bench, group: Group): Promise<Map<string, Found> | undefined> {
  const found = new Map(
    group.variants.map((name): [string, Found] => [name, { ms: 0, compile: 0, kernels: new Set() }]),
  );
  for (const sample of group.samples.values())
    if (!(await measureSample(bench, group.key, sample, found))) return undefined;
  return found;
}

/** Adds the times of one size to `found`; false when time is over. */
async function measureSample(
  { device, timer, compile, signal, isOver }: Bench,
  key: string,
  { node, options, extents, calls }: Sample,
  found: ReadonlyMap<string, Found>,
): Promise<boolean> {
  const weights = new WeightStore(device);
  const trials = new Map<string, { trial: Trial; times: number[] }>();
  try {
    for (const [name, own] of found) {
      throwIfAborted(signal, 'tune');
      if (isOver()) return false;
      if (own.error !== undefined) continue;
      try {
        const plan = compileNode(node, { ...options, choices: new Map([[key, name]]) });
        const kernels = new Set(plan.dispatches.map((d) => d.shader));
        const fresh = [...kernels].filter((kernel) => !compile.has(kernel));
        const trial = await Trial.create(device, timer, plan, { node, extents, weights, signal });
        trials.set(name, { trial, times: [] });
        for (const kernel of fresh) compile.set(kernel, trial.compile / fresh.length);
        for (const kernel of kernels) if (!own.kernels.has(kernel)) own.compile += compile.get(kernel)!;
        for (const kernel of kernels) own.kernels.add(kernel);
      } catch (error) {
        own.error = reasonOf(error);
      }
    }
    const best = Math.min(...[...trials.values()].map(({ trial }) => trial.first));
    for (let round = 0; round < ROUNDS; round++)
      for (const [name, { trial, times }] of trials) {
        throwIfAborted(signal, 'tune');
        const own = found.get(name)!;
        if (own.error !== undefined || (round > 0 && trial.first > HOPELESS * best)) continue;
        try {
          times.push(await trial.time());
        } catch (error) {
          own.error = reasonOf(error);
        }
      }
    // other work on the machine only ever adds: a default that has been as fast as that once is not given up for less
    const [usual] = found.keys();
    for (const [name, { times }] of trials)
      found.get(name)!.ms += calls * (name === usual ? Math.min(...times) : median(times));
    return true;
  } finally {
    for (const { trial } of trials.values()) trial.destroy();
    weights.destroy();
  }
}

/** Why a variant is out. @throws what is no fault of a variant: the end of the device, or of the caller's patience. */
function reasonOf(error: unknown): string {
  if (error instanceof AbortError || (error instanceof GpuError && error.kind === 'lost')) throw error;
  return error instanceof Error ? error.message : String(error);
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1];
}
