/** `npm run score [-- --quick --quantise=q8]`: objects, edits and answers of the embedded model that are right, beside the reference's. */
import { readFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';
import { createProgress } from '../node/cli/progress.ts';
import { listen } from '../node/cli/signals.ts';
import { openHarmon } from '../node/model.ts';
import { packageFile } from '../node/package.ts';
import type { Quantised } from '../src/engine/index.ts';
import { type ScoreOptions, type Tally, scoreAnswers, scoreEdits, scorePictures } from './score_tasks.ts';

const { signal, code } = listen();
const every = process.argv.includes('--quick') ? 8 : 1;
const file = pathToFileURL(packageFile('tests/golden/data/scores.json'));
const reference = JSON.parse(readFileSync(file, 'utf8')) as Partial<Record<string, { right: number; of: number }>>;
const progress = createProgress({ enabled: true, stream: process.stderr });

try {
  const quantise = process.argv.find((arg) => arg.startsWith('--quantise='))?.slice('--quantise='.length);
  const model = await openHarmon({ signal, quantise: quantise as Quantised | undefined });
  console.log(`${model.device.description}${every > 1 ? `, every ${every}th case` : ''}`);
  await show(async (options) => ({ objects: await scorePictures(model, file, options) }));
  await show(async (options) => {
    const { made, kept } = await scoreEdits(model, file, options);
    return { 'edits, made anew': made, 'edits, kept': kept };
  });
  await show(async (options) => ({ answers: await scoreAnswers(model, file, options) }));
  model.destroy();
} catch (error) {
  if (code() === undefined) throw error;
}
process.exit(code() ?? process.exitCode ?? 0);

async function show(score: (options: ScoreOptions) => Promise<Record<string, Tally>>): Promise<void> {
  const began = performance.now();
  let step: ReturnType<typeof progress.step> | undefined;
  const onCase: ScoreOptions['onCase'] = (what, done, total) =>
    (step ??= progress.step(`Scoring ${what}`, total)).update(done);
  const tallies = await score({ every, onCase, signal });
  progress.stop();
  const seconds = ((performance.now() - began) / 1000).toFixed(1);
  for (const [name, { right, of, wrong }] of Object.entries(tallies)) {
    const theirs = reference[name];
    const beside = theirs ? ` (reference: ${theirs.right} of ${theirs.of})` : '';
    console.log(`${name}: ${right} of ${of} right in ${seconds} s${beside}`);
    for (const line of wrong) console.log(`  ${line}`);
  }
}
