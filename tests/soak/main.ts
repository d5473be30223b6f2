/**
 * Long use of one process, as a program of its own: models opened, asked and destroyed, and one model asked again and again while another comes and
 * goes. `node main.js OPENS ASKS` prints what was held after each as JSON, or says what went wrong. Start it with MALLOC_ARENA_MAX=1: glibc's
 * arenas, one for each of the driver's threads, otherwise keep what compiling has freed.
 */
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { openHarmon } from '../../node/model.ts';
import type { Harmon } from '../../src/harmon/index.ts';
import { formulaPicture } from '../support/formula.ts';

/** Bytes after a garbage collection. */
export interface Held {
  readonly tracked: number;
  readonly heap: number;
  readonly resident: number;
}

export interface Soak {
  readonly opened: readonly Held[];
  readonly asked: readonly Held[];
}

const [opens, asks] = process.argv.slice(2).map(Number);
const picture = formulaPicture(40);
setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

async function ask(harmon: Harmon): Promise<string> {
  let text = '';
  for await (const piece of harmon.describe(picture, { imageSize: 32, maxNewTokens: 4 })) text += piece;
  return text;
}

async function held({ device }: Harmon): Promise<Held> {
  for (let i = 0; i < 2; i++) {
    await new Promise((resolve) => setTimeout(resolve, 20));
    collect();
  }
  const { heapUsed, external, rss } = process.memoryUsage();
  return { tracked: device.totalBytes, heap: heapUsed + external, resident: rss };
}

function check(isRight: boolean, what: string): void {
  if (!isRight) throw new Error(what);
}

const [opened, asked]: Held[][] = [[], []];
let text: string | undefined;
for (let i = 0; i < opens; i++) {
  const harmon = await openHarmon();
  const answer = await ask(harmon);
  check(answer === (text ??= answer), `model ${i} must answer as the first but says ${answer}`);
  harmon.destroy();
  opened.push(await held(harmon));
}
const [harmon, other] = [await openHarmon(), await openHarmon()];
check((await ask(other)) === text, 'two models must answer alike');
other.destroy();
for (let i = 0; i < asks; i++) {
  check((await ask(harmon)) === text, `answer ${i} must be as before, the other model is gone`);
  asked.push(await held(harmon));
}
harmon.destroy();
check(harmon.device.totalBytes === 0, 'a destroyed model must hold nothing');
process.stdout.write(JSON.stringify({ opened, asked } satisfies Soak), () => process.exit(0));
