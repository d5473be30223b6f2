/**
 * The texts that Harmon was trained with, as token ids: Qwen's chat template without a system message,
 * `<|im_start|>user\n{TEXT}<|im_end|>\n<|im_start|>assistant\n`.
 */
import type { HarmonConfig } from './config.ts';
import type { Tokenizer } from './tokenizer.ts';

type PromptConfig = Pick<HarmonConfig, 'endToken' | 'padToken' | 'unconditionalPrompt'>;

const START = '<|im_start|>';

/** Ids that ask for a picture: the caption as typed, after `Generate an image: `. */
export function imagePrompt(tokenizer: Tokenizer, config: PromptConfig, caption: string): number[] {
  return chat(tokenizer, config, `Generate an image: ${caption}`);
}

/** Ids of the unconditional branch of guidance. `text` stands in for the configuration's own. */
export function unconditionalPrompt(
  tokenizer: Tokenizer,
  config: PromptConfig,
  text = config.unconditionalPrompt,
): number[] {
  return chat(tokenizer, config, text);
}

/** The caption as the reference's batch script words it: stripped as Python's `strip` does, then a full stop, always. */
export function batchCaption(caption: string): string {
  return `${strip(caption)}.`;
}

/** Ids around the picture's embeddings in image-to-text: `prefix`, then N image tokens and the buffer tokens, then `suffix`. */
export function questionPrompt(
  tokenizer: Tokenizer,
  config: PromptConfig,
  question: string,
): { prefix: number[]; suffix: number[] } {
  return {
    prefix: [tokenizer.control(START), ...tokenizer.encode('user\n')],
    // The newline and the question are one text: a question that starts with a newline merges with it.
    suffix: [...tokenizer.encode(`\n${question}`), ...answerStart(tokenizer, config)],
  };
}

/** Rows of ids padded on the right to the longest: `ids` is [rows, length], `lengths` what is real of each. */
export interface PaddedRows {
  readonly ids: Uint32Array;
  readonly rows: number;
  readonly length: number;
  readonly lengths: readonly number[];
}

/** Pads rows of ids on the right with the pad token. What stands in the padding has no influence: the lengths mask it. */
export function padRows(tokenizer: Tokenizer, config: PromptConfig, rows: readonly (readonly number[])[]): PaddedRows {
  const lengths = rows.map((row) => row.length);
  const length = lengths.reduce((a, b) => Math.max(a, b), 0);
  const ids = new Uint32Array(rows.length * length).fill(tokenizer.control(config.padToken));
  rows.forEach((row, i) => ids.set(row, i * length));
  return { ids, rows: rows.length, length, lengths };
}

function chat(tokenizer: Tokenizer, config: PromptConfig, text: string): number[] {
  return [tokenizer.control(START), ...tokenizer.encode(`user\n${text}`), ...answerStart(tokenizer, config)];
}

function answerStart(tokenizer: Tokenizer, config: PromptConfig): number[] {
  return [
    tokenizer.control(config.endToken),
    ...tokenizer.encode('\n'),
    tokenizer.control(START),
    ...tokenizer.encode('assistant\n'),
  ];
}

/** Python's str.strip: JavaScript's trim would keep U+001C … U+001F and U+0085 and take U+FEFF. */
function strip(text: string): string {
  const space = '[\\t-\\r\\u001c- \\u0085\\u00a0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000]';
  const letters = Array.from(text);
  const is = new RegExp(space, 'u');
  let [from, to] = [0, letters.length];
  while (from < to && is.test(letters[from])) from++;
  while (to > from && is.test(letters[to - 1])) to--;
  return letters.slice(from, to).join('');
}
