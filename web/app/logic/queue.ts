/** The queue: jobs in the order they are made. Each change gives a new list; the first job that has not failed is the one at work. */
import type { Mask } from '../../../src/harmon/index.ts';
import type { SettledSettings } from './settings.ts';
import type { SheetPlan } from './sheet.ts';

/** Part of a picture of the history, made anew. */
export interface JobEdit {
  /** Id of the picture in the history. */
  readonly source: string;
  readonly mask?: Mask;
  readonly variation?: number;
  readonly extend?: Readonly<Partial<Record<'left' | 'right' | 'top' | 'bottom', number>>>;
}

export interface Job {
  readonly id: string;
  readonly settings: SettledSettings;
  readonly edit?: JobEdit;
  readonly sheet?: SheetPlan;
  /** Tab that makes it. */
  readonly tab: string;
  /** Place in the queue; smaller comes first. */
  readonly order: number;
  /** Why it stopped. */
  readonly failed?: string;
}

export const addJob = (jobs: readonly Job[], job: Omit<Job, 'order'>): Job[] => [
  ...jobs,
  { ...job, order: Math.max(0, ...jobs.map(({ order }) => order)) + 1 },
];

export const removeJob = (jobs: readonly Job[], id: string): Job[] => jobs.filter((job) => job.id !== id);

/** Moves a job by so many places; the one at work keeps its place. Orders stay those of the list. */
export function moveJob(jobs: readonly Job[], id: string, by: number, running?: string): Job[] {
  const from = jobs.findIndex((job) => job.id === id);
  if (from < 0 || id === running) return [...jobs];
  const first = running !== undefined && jobs[0]?.id === running ? 1 : 0;
  const to = Math.min(Math.max(from + by, first), jobs.length - 1);
  const moved = jobs.toSpliced(from, 1).toSpliced(to, 0, jobs[from]);
  const orders = jobs.map(({ order }) => order);
  return moved.map((job, i) => ({ ...job, order: orders[i] }));
}

export const failJob = (jobs: readonly Job[], id: string, failed: string): Job[] =>
  jobs.map((job) => (job.id === id ? { ...job, failed } : job));

export const retryJob = (jobs: readonly Job[], id: string): Job[] =>
  jobs.map(({ failed, ...job }) => (job.id === id || failed === undefined ? job : { ...job, failed }));

/** The job that is made next. */
export const nextJob = (jobs: readonly Job[]): Job | undefined => jobs.find(({ failed }) => failed === undefined);

/** Jobs of tabs that are gone go over to `tab`: a reload continues its own, and a closed tab's are not lost. */
export function adopted(jobs: readonly Job[], tab: string, alive: ReadonlySet<string>): Job[] {
  return jobs
    .filter((job) => !alive.has(job.tab) || job.tab === tab)
    .map((job) => ({ ...job, tab }))
    .sort((a, b) => a.order - b.order);
}
