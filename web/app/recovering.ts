/** Says when the GPU was taken away, what the page waits for, and when the work goes on. */
import { effect } from '@preact/signals';
import { sentence } from './logic/problem.ts';
import { model } from './model.ts';
import { notice } from './state.ts';

export function tellLosses(): void {
  effect(() => {
    if (model.value.state !== 'ready') return undefined;
    const { harmon } = model.value.opened;
    const stops = [
      harmon.on('recovering', ({ message, pause }) => {
        const when = pause > 0 ? `The next try is in ${pause} seconds.` : 'The work goes on in a moment.';
        notice.value = { text: `The GPU was taken away. ${when} ${sentence(message)}` };
      }),
      harmon.on('recovered', () => {
        notice.value = { text: 'The GPU is back, and the work goes on where it was.' };
      }),
    ];
    return () => stops.forEach((stop) => stop());
  });
}
