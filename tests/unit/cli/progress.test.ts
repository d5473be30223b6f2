import { Writable } from 'node:stream';
import { expect, it } from 'vitest';
import { createProgress, megabytes, timeLeft } from '../../../node/cli/progress.ts';
import { phasesText, stopwatch } from '../../../node/cli/timing.ts';

function sink(isTTY: boolean) {
  let text = '';
  const stream = new Writable({
    write(chunk, _, done) {
      text += String(chunk);
      done();
    },
  });
  return { stream: Object.assign(stream, { isTTY, columns: 100 }) as unknown as NodeJS.WriteStream, text: () => text };
}

it('writes a few plain lines where there is no terminal', () => {
  const { stream, text } = sink(false);
  let now = 0;
  const progress = createProgress({ enabled: true, stream, now: () => now });
  const step = progress.step('Iterations', 64);
  for (let done = 1; done <= 64; done++) {
    now = done * 1000;
    step.update(done);
  }
  step.end();
  expect(text()).toBe(
    'Iterations: 64\n' +
      'Iterations: 16 of 64, about 48 s left\n' +
      'Iterations: 32 of 64, about 32 s left\n' +
      'Iterations: 48 of 64, about 16 s left\n' +
      'Iterations: 64 of 64\n',
  );
});

it('draws a bar on a terminal and leaves the terminal as it was', () => {
  const { stream, text } = sink(true);
  const progress = createProgress({ enabled: true, stream });
  progress.step('Loading weights', 2e6, megabytes);
  progress.step('Iterations', 4).update(2);
  progress.stop();
  expect(text()).toContain('Loading weights');
  expect(text()).toContain('0.0 MB/2.0 MB');
  expect(text()).toContain('2/4');
  expect(text().lastIndexOf('\x1b[?25h')).toBeGreaterThan(text().lastIndexOf('\x1b[?25l'));
  expect(text()).not.toMatch(/\x1b\[[0-9;]*m/); // no colours
});

it('needs one line for what takes no time', () => {
  const { stream, text } = sink(false);
  const step = createProgress({ enabled: true, stream, now: () => 0 }).step('Loading weights', 2e6, megabytes);
  for (let done = 0; done <= 2e6; done += 1e5) step.update(done);
  expect(text()).toBe('Loading weights: 2.0 MB\n');
});

it('ignores a step whose successor has begun, and says nothing when it is not wanted', () => {
  const { stream, text } = sink(false);
  const progress = createProgress({ enabled: true, stream });
  const first = progress.step('First', 1);
  progress.step('Second', 1);
  first.update(1);
  first.end();
  expect(text()).toBe('First: 1\nSecond: 1\n');
  const quiet = sink(false);
  createProgress({ enabled: false, stream: quiet.stream }).step('First', 1).update(1);
  expect(quiet.text()).toBe('');
});

it('tells the time left in round units', () => {
  expect(timeLeft(1000, 0, 10)).toBe('');
  expect(timeLeft(1000, 10, 10)).toBe('');
  expect(timeLeft(1000, 1, 10)).toBe('about 9 s left');
  expect(timeLeft(60_000, 1, 11)).toBe('about 10 min left');
  expect(timeLeft(3600_000, 1, 6)).toBe('about 5 h left');
});

it('times phases', () => {
  let now = 5;
  const watch = stopwatch(() => now);
  for (const [phase, at] of [
    ['device', 1005],
    ['first_iteration', 1205],
    ['device', 1305],
  ] as const) {
    now = at;
    watch.mark(phase);
  }
  expect(watch.seconds()).toEqual({ device: 1.1, first_iteration: 0.2, total: 1.3 });
  expect(phasesText(watch.seconds())).toBe('1.30 s (device 1.10, first iteration 0.20)');
});
