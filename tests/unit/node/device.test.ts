import { expect, it } from 'vitest';
import { noAdapter } from '../../../node/device.ts';

it.each(['VK_DRIVER_FILES', 'VK_ICD_FILENAMES', 'VK_ADD_DRIVER_FILES'])(
  'names %s where it may be the cause',
  (name) => {
    const error = noAdapter({ [name]: '/none.json' });
    expect([error.kind, error.message]).toEqual([
      'no-adapter',
      `[device] Dawn must find an adapter but finds none while ${name} is "/none.json": unset ${name}, or let it name a driver that works`,
    ]);
  },
);

it('asks for a driver where no variable chooses one', () => {
  expect(noAdapter({ VK_DRIVER_FILES: '' }).message).toContain('run `npm run setup`');
});
