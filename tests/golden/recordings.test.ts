/**
 * Parity with the reference: each recorded tensor within 1e-4 relative, ids equal, pictures at 50 dB. OVERTONE_GOLDEN names another folder of
 * recordings. Prints the error of every tensor and the worst.
 */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { recordingsIn } from '../support/recording_names.ts';
import { openTiny, readRecording } from '../support/recording_files.ts';
import { type Comparison, compareRecording } from '../support/recordings.ts';

const folder = process.env.OVERTONE_GOLDEN ?? new URL('./data', import.meta.url).pathname;
let tiny: Awaited<ReturnType<typeof openTiny>>;
const all: { name: string; error: number }[] = [];

beforeAll(async () => {
  tiny = await openTiny();
});
afterAll(async () => {
  const worst = all.reduce((a, b) => (b.error > a.error ? b : a), { name: 'nothing compared', error: 0 });
  console.log(`worst error on ${tiny.device.description}: ${worst.error.toExponential(1)} (${worst.name})`);
  await tiny.close();
});

const names = recordingsIn(folder);

test.each(names)(
  '%s',
  async (name) => {
    const results = await compareRecording(tiny.runtime, readRecording(folder, name));
    all.push(...results.map((r) => ({ name: `${name} ${r.name}`, error: r.error })));
    console.log(results.map((r) => line(name, r)).join('\n'));
    expect(results.length).toBeGreaterThan(0);
    for (const { name: tensor, error, psnr } of results) {
      expect(error, `${name} ${tensor}`).toBeLessThan(1e-4);
      if (psnr !== undefined) expect(psnr, `${name} ${tensor}`).toBeGreaterThanOrEqual(50);
    }
  },
  120_000,
);

function line(name: string, { name: tensor, error, psnr }: Comparison): string {
  return `${name.padEnd(20)} ${tensor.padEnd(12)} ${error.toExponential(1)}${psnr === undefined ? '' : `  ${psnr.toFixed(0)} dB`}`;
}
