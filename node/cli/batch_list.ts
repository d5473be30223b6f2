/**
 * The list of a batch: JSON, a list of `{ "prompt": … }` as the reference reads it, or JSON lines, in UTF-8 or UTF-16. An entry that is none
 * is kept with what is wrong with it; an entry's own text is kept to the letter, as numbers of JSON may be longer than JavaScript's.
 */
import { FileError } from '../../src/engine/index.ts';
import { batchCaption } from '../../src/harmon/index.ts';
import { wordFor } from '../word_for.ts';
import { decodeText } from './decode_text.ts';

export interface Entry {
  /** Place in the list, from 0. */
  readonly index: number;
  /** What the model is asked: the prompt stripped as Python does, and a full stop. */
  readonly caption: string;
  /** The entry as it stands in the list. */
  readonly text: string;
}

/** An entry that no picture can be made of, and why. */
export interface BadEntry {
  readonly index: number;
  readonly problem: string;
}

/** Reads a list. `name` names it in errors. @throws FileError for text or JSON that is broken as a whole. */
export function parseBatchList(bytes: Uint8Array, name: string): (Entry | BadEntry)[] {
  const text = decodeText(bytes, name);
  if (text.trim() === '') throw new FileError(`${name}: must be a list of prompts but is empty`);
  if (!text.trimStart().startsWith('[')) return parseLines(text);
  try {
    JSON.parse(text);
  } catch (error) {
    throw new FileError(
      `${name}: must be JSON, a list of { "prompt": … }, or one such object a line, but ${(error as Error).message}`,
    );
  }
  return elementsOf(text).map((element, index) => entryOf(element, index, 'it'));
}

/** One entry a line; empty lines are passed over. */
function parseLines(text: string): (Entry | BadEntry)[] {
  return text
    .split(/\r?\n/)
    .map((line, i) => [line, `line ${i + 1}`] as const)
    .filter(([line]) => line.trim() !== '')
    .map(([line, place], index) => entryOf(line, index, place));
}

function entryOf(source: string, index: number, place: string): Entry | BadEntry {
  const text = source.trim();
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return { index, problem: `${place} must be JSON but ${(error as Error).message}` };
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return { index, problem: `${place} must be an object with a "prompt" but is ${nameOf(value)}` };
  const prompt = Object.hasOwn(value, 'prompt') ? (value as { prompt: unknown }).prompt : undefined;
  if (typeof prompt !== 'string')
    return {
      index,
      problem: `its "prompt" must be a text but is ${prompt === undefined ? 'missing' : nameOf(prompt)}`,
    };
  const caption = batchCaption(prompt);
  return caption === '.'
    ? { index, problem: 'its "prompt" must say something but is empty' }
    : { index, caption, text };
}

const nameOf = (value: unknown): string => (Array.isArray(value) ? 'a list' : wordFor(value));

/** The entry's text with its place as `sample_id`, in place of one it may have. */
export function sidecarText({ text, index }: Entry): string {
  const members = elementsOf(text).filter((member) => !Object.hasOwn(JSON.parse(`{${member}}`) as object, 'sample_id'));
  return `{${members.join(',').trimEnd()}, "sample_id": ${index}}\n`;
}

/** The texts between the outer brackets and commas of a list or object that JSON.parse has taken; spaces stay. */
function elementsOf(json: string): string[] {
  const elements: string[] = [];
  let [depth, from] = [0, 0];
  for (let at = 0; at < json.length; at++) {
    const c = json[at];
    if (c === '"') {
      for (at++; json[at] !== '"'; at++) if (json[at] === '\\') at++;
      continue;
    }
    if (c === '[' || c === '{') {
      if (++depth === 1) from = at + 1;
    } else if ((c === ',' && depth === 1) || ((c === ']' || c === '}') && --depth === 0)) {
      elements.push(json.slice(from, at));
      from = at + 1;
    }
  }
  return elements.length === 1 && elements[0].trim() === '' ? [] : elements;
}
