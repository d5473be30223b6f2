/**
 * The score of the embedded model on its small world: pictures made from prompts, read by nearest glyph, and answers to questions
 * about pictures, letter for letter. Prompts, questions and the reference's scores are recordings.
 */
import { readFile } from 'node:fs/promises';
import type { Harmon, Picture } from '../src/harmon/index.ts';
import { type Place, nearestGlyph, pictureAt, readGlyphs } from './glyphs.ts';

export interface Tally {
  readonly right: number;
  readonly of: number;
  /** What went wrong, in words. */
  readonly wrong: readonly string[];
}

interface PromptCase {
  readonly prompt: string;
  readonly expect: readonly (Place & { readonly object: string })[];
}

interface QuestionCase {
  readonly image: string;
  readonly question: string;
  readonly truth: string;
}

export interface ScoreOptions {
  /** Takes every n-th case. */
  readonly every: number;
  readonly onCase?: (name: string, done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

const read = async (folder: URL, name: string): Promise<unknown> =>
  JSON.parse(await readFile(new URL(name, folder), 'utf8'));

/** Objects at their place, over all prompts. Prompt i uses the seed i: no result depends on which others are taken. */
export async function scorePictures(model: Harmon, folder: URL, options: ScoreOptions): Promise<Tally> {
  const glyphs = await readGlyphs(folder);
  const prompts = (await read(folder, 'prompts.json')) as PromptCase[];
  const picked = prompts.map((entry, seed) => ({ ...entry, seed })).filter(({ seed }) => seed % options.every === 0);
  const wrong: string[] = [];
  let of = 0;
  for (const [i, { prompt, seed, expect }] of picked.entries()) {
    const [picture] = await model.generate({ prompt, seed, iterations: 16, guidance: 3, signal: options.signal });
    for (const { object, ...place } of expect) {
      of++;
      const seen = nearestGlyph(glyphs, picture, place);
      if (seen !== object) wrong.push(`"${prompt}": ${seen} where ${object} should be`);
    }
    options.onCase?.('pictures', i + 1, picked.length);
  }
  return { right: of - wrong.length, of, wrong };
}

/** Answers that are the truth letter for letter. */
export async function scoreAnswers(model: Harmon, folder: URL, options: ScoreOptions): Promise<Tally> {
  const questions = ((await read(folder, 'questions.json')) as QuestionCase[]).filter(
    (_, i) => i % options.every === 0,
  );
  const wrong: string[] = [];
  for (const [i, { image, question, truth }] of questions.entries()) {
    const picture: Picture = await pictureAt(new URL(image, folder));
    let answer = '';
    for await (const text of model.describe(picture, { question, maxNewTokens: 64, signal: options.signal }))
      answer += text;
    if (answer !== truth) wrong.push(`${image}, "${question}": "${answer}" where the truth is "${truth}"`);
    options.onCase?.('answers', i + 1, questions.length);
  }
  return { right: questions.length - wrong.length, of: questions.length, wrong };
}
