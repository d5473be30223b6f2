/** Questions about the selected picture and their answers, word by word as they come. */
import { signal } from '@preact/signals';
import { AbortError } from '../../src/engine/index.ts';
import { change } from './history_actions.ts';
import { problemOf } from './logic/problem.ts';
import { isGone, openedModel, reopenDevice } from './model.ts';
import { entries, notice } from './state.ts';
import { readPicture } from './store/pictures.ts';
import { decodeBlob } from './store/pixels.ts';

export interface Answering {
  readonly entry: string;
  readonly question: string;
  readonly answer: string;
  readonly stop: AbortController;
}

/** The answer on its way. */
export const answering = signal<Answering | undefined>(undefined);

const LONGEST_ANSWER = 20_000;

/** Asks about a picture of the history; the answer stays with it. */
export async function ask(id: string, question: string): Promise<void> {
  const opened = openedModel();
  if (!opened || answering.value) return;
  const stop = new AbortController();
  const asked = question.trim() || opened.config.question;
  let answer = '';
  const show = () => (answering.value = { entry: id, question: asked, answer, stop });
  show();
  try {
    const picture = await decodeBlob(await readPicture(id), 'The picture');
    for await (const words of opened.harmon.describe(picture, { question: asked, signal: stop.signal })) {
      answer = (answer + words).slice(0, LONGEST_ANSWER);
      show();
    }
  } catch (error) {
    if (!(error instanceof AbortError)) {
      const problem = problemOf(error);
      notice.value = { text: problem.title, problem };
      if (isGone(error)) await reopenDevice(opened);
    }
  } finally {
    answering.value = undefined;
    const entry = entries.value.find((each) => each.id === id);
    if (entry && answer) change(id, { talk: [...(entry.talk ?? []), { question: asked, answer }] });
  }
}

export const stopAnswer = (): void => answering.value?.stop.abort();
