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
        const reason = sentence(message.replace(/; open the model again$/, '')); // which is being done
        notice.value =
          pause > 0
            ? {
                text: `The GPU was taken away again. The next try is in ${pause} seconds. ${reason}`,
                hurry: () => harmon.hurry().catch(() => undefined),
              }
            : { text: `The GPU was taken away. The work goes on in a moment. ${reason}` };
      }),
      harmon.on('recovered', () => {
        notice.value = { text: 'The GPU is back, and the work goes on where it was.' };
      }),
    ];
    return () => {
      stops.forEach((stop) => stop());
      if (notice.peek()?.hurry) notice.value = undefined;
    };
  });
}
