/**
 * The score of the embedded model on its small world: pictures made from prompts, read by nearest glyph, edits of pictures drawn from the
 * glyphs, read the same way, and answers to questions about pictures, letter for letter. Prompts, questions and the reference's scores are
 * recordings.
 */
import { readFile } from 'node:fs/promises';
import type { Harmon, Picture } from '../src/harmon/index.ts';
import { type Place, drawGlyphs, nearestGlyph, pictureAt, readGlyphs } from './glyphs.ts';

export interface Tally {
  readonly right: number;
  readonly of: number;
  /** What went wrong, in words. */
  readonly wrong: readonly string[];
}

/** A prompt and what is to be seen where. */
export interface PromptCase {
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

/** Two objects, left and right. */
const PAIR = /^(.+) on the left and (.+) on the right$/;
const EDITS = 24;

/**
 * Edits: of 24 pictures with two objects one half is made anew for an object that is in neither, left and right in turn. `made` counts the new
 * objects that are right, `kept` the others that still are.
 */
export async function scoreEdits(
  model: Harmon,
  folder: URL,
  options: ScoreOptions,
): Promise<Record<'made' | 'kept', Tally>> {
  const glyphs = await readGlyphs(folder);
  const prompts = (await read(folder, 'prompts.json')) as PromptCase[];
  const pairs = prompts.filter(({ prompt }) => PAIR.test(prompt)).slice(0, EDITS);
  const wrong = { made: [] as string[], kept: [] as string[] };
  const picked = pairs.map((entry, seed) => ({ ...entry, seed })).filter(({ seed }) => seed % options.every === 0);
  for (const [i, { prompt, expect, seed }] of picked.entries()) {
    const side = seed % 2;
    const isNew = ({ expect: other }: PromptCase) => expect.every(({ object }) => object !== other[side].object);
    const donor = [...pairs.slice(seed + 1), ...pairs].find(isNew)!;
    const words = PAIR.exec(prompt)!.slice(1);
    words[side] = PAIR.exec(donor.prompt)![side + 1];
    const [picture] = await model.generate({
      prompt: `${words[0]} on the left and ${words[1]} on the right`,
      edit: {
        picture: drawGlyphs(glyphs, expect),
        mask: { width: 2, height: 1, data: Uint8Array.of(side === 0 ? 255 : 0, side === 1 ? 255 : 0) },
      },
      seed,
      iterations: 16,
      guidance: 3,
      signal: options.signal,
    });
    for (const [at, { object, ...place }] of expect.entries()) {
      const due = at === side ? donor.expect[side].object : object;
      const seen = nearestGlyph(glyphs, picture, place);
      if (seen !== due)
        wrong[at === side ? 'made' : 'kept'].push(`"${prompt}", edited: ${seen} where ${due} should be`);
    }
    options.onCase?.('edits', i + 1, picked.length);
  }
  const tally = (list: readonly string[]): Tally => ({
    right: picked.length - list.length,
    of: picked.length,
    wrong: list,
  });
  return { made: tally(wrong.made), kept: tally(wrong.kept) };
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
