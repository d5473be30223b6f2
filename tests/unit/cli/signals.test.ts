import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { type Interrupts, listen } from '../../../node/cli/signals.ts';

const NAMES = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
let before: Record<string, NodeJS.SignalsListener[]>;
let exits: number[];
let interrupts: Interrupts;

beforeEach(() => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'performance'] });
  before = Object.fromEntries(NAMES.map((name) => [name, process.listeners(name)]));
  exits = [];
  interrupts = listen((code) => exits.push(code), false);
});
afterEach(() => {
  for (const name of NAMES)
    for (const listener of process.listeners(name)) if (!before[name].includes(listener)) process.off(name, listener);
  vi.useRealTimers();
});

/** Delivers a signal to the listeners of this test alone. */
function deliver(name: (typeof NAMES)[number]): void {
  for (const listener of process.listeners(name)) if (!before[name].includes(listener)) listener(name);
}

it.each([
  ['SIGINT', 130],
  ['SIGTERM', 143],
  ['SIGHUP', 129],
] as const)('%s aborts, and ends a process that does not end itself with %i', (name, code) => {
  expect([interrupts.signal.aborted, interrupts.code()]).toEqual([false, undefined]);
  deliver(name);
  expect([interrupts.signal.aborted, interrupts.code()]).toEqual([true, code]);
  vi.advanceTimersByTime(300);
  expect(exits).toEqual([]);
  vi.advanceTimersByTime(100);
  expect(exits).toEqual([code]);
});

it('lets a hangup pass where hangups are ignored', () => {
  const { signal } = listen((code) => exits.push(code), true);
  const [own] = process.listeners('SIGHUP').slice(-1);
  own('SIGHUP');
  vi.advanceTimersByTime(1000);
  expect([signal.aborted, exits]).toEqual([false, []]);
});

it('takes an echo for the same Ctrl-C, and a second one for the end', () => {
  deliver('SIGINT');
  vi.advanceTimersByTime(20);
  deliver('SIGINT');
  expect(exits).toEqual([]);
  vi.advanceTimersByTime(250);
  deliver('SIGTERM');
  expect(exits).toEqual([130]);
});
