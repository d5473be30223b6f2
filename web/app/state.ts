/** What the page shows, as signals: the draft, the history, the queue, what is at work. Actions on them are in the files beside this one. */
import { computed, effect, signal } from '@preact/signals';
import type { HarmonConfig, Picture } from '../../src/harmon/index.ts';
import { type Entry, type Filter, filtered } from './logic/history.ts';
import { presetsFrom } from './logic/presets.ts';
import type { Problem } from './logic/problem.ts';
import type { Job } from './logic/queue.ts';
import { NO_PACE, type Pace, clock, remaining } from './logic/remaining.ts';
import { type Settings, defaultSettings, settingsFrom } from './logic/settings.ts';
import { model } from './model.ts';
import { remembered } from './store/remembered.ts';

/** What the embedded model has; in force until a model is open. */
const TINY = {
  unconditionalPrompt: 'Generate an image.',
  mar: { nativeImageSize: 128 },
  diffusion: { timesteps: 50 },
} satisfies Parameters<typeof defaultSettings>[0];

export const config = computed<HarmonConfig | typeof TINY>(() =>
  model.value.state === 'ready' ? model.value.opened.config : TINY,
);
export const defaults = computed(() => defaultSettings(config.value));

export type Mode = 'make' | 'ask';
export const mode = remembered<Mode>('mode', (stored) => (stored === 'ask' ? 'ask' : 'make'));

/** The settings as they stand in the form. */
export const draft = remembered<Settings>('draft', (stored) =>
  settingsFrom((stored ?? {}) as Record<string, unknown>, { ...defaultSettings(TINY), prompt: 'a fox above a pizza' }),
);
export const presets = remembered('presets', (stored) => presetsFrom(stored, defaultSettings(TINY)));
/** Share of the squares that a variation makes anew. */
export const variation = remembered('variation', (stored) =>
  typeof stored === 'number' && stored > 0 && stored <= 1 ? stored : 0.3,
);
export const showPreviews = remembered('previews', (stored) => stored !== false);

export const setDraft = (change: Partial<Settings>): void => {
  draft.value = settingsFrom({ ...draft.value, ...change }, defaults.value);
};

export const entries = signal<readonly Entry[]>([]);
export const filter = signal<Filter>({ words: '', favourites: false });
export const shown = computed(() => filtered(entries.value, filter.value));
export const selected = signal<string | undefined>(undefined);
export const selectedEntry = computed(() => entries.value.find(({ id }) => id === selected.value));
/** Pictures that are chosen for a ZIP or for deleting. */
export const chosen = signal<ReadonlySet<string>>(new Set());
/** Two at most, to lie side by side. */
export const pinned = signal<readonly string[]>([]);
export const pinnedEntries = computed(() =>
  pinned.value.flatMap((id) => entries.value.find((entry) => entry.id === id) ?? []),
);
export type CompareLayout = 'slider' | 'side-by-side';
export const comparing = signal<CompareLayout | undefined>(undefined);

export const jobs = signal<readonly Job[]>([]);

/** The job at work. */
export interface Work {
  readonly job: Job;
  readonly stop: AbortController;
  /** Iterations of all its pictures. */
  readonly done: number;
  readonly total: number;
  readonly pace: Pace;
  /** The pictures of the batch as they are, and which of their squares are not made yet, 1 in [rows, columns]. */
  readonly pictures: readonly Picture[];
  readonly masked: readonly Uint8Array[];
  readonly grid: readonly [rows: number, columns: number];
  /** Weights on their way to the device, while they are loaded. */
  readonly loaded?: { readonly loadedBytes: number; readonly totalBytes: number };
}

export const work = signal<Work | undefined>(undefined);
/** Whether the stage shows the work, and not a picture that was chosen meanwhile. */
export const watching = signal(true);

/** Milliseconds for the job at work, where they can be told. */
export const timeLeft = computed(() => {
  const now = work.value;
  return now && remaining(now.pace ?? NO_PACE, now.total - now.done);
});

/** A line at the lower edge: what happened, and the way back where there is one. */
export interface Notice {
  readonly text: string;
  readonly problem?: Problem;
  readonly undo?: () => void | Promise<void>;
  /** What may be done instead. */
  readonly instead?: { readonly name: string; readonly run: () => void };
  /** What is waited for and need not be: the notice stays until that is over. */
  readonly hurry?: () => void | Promise<void>;
}
export const notice = signal<Notice | undefined>(undefined);

export type Dialog = 'keys' | 'models' | 'device' | 'restore' | 'sheet' | 'draw' | 'share' | undefined;
export const dialog = signal<Dialog>(undefined);

/** Whether the mask editor is open. */
export const editing = signal(false);

export function startTitle(): void {
  effect(() => {
    const left = timeLeft.value;
    const text = left === undefined ? (work.value ? 'Making…' : undefined) : `${clock(left)} left`;
    document.title = text ? `${text} · Overtone` : 'Overtone';
  });
}
