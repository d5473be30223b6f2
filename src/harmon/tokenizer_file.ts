/**
 * What a tokenizer.json must say to be one of Harmon's: byte-level BPE over Qwen2's split of text. A file comes from anywhere, so everything
 * the encoder is given is checked here, and nothing else of the file reaches it; other patterns could take for ever on some texts.
 */
import { FileError } from '../engine/index.ts';
import { shownJson } from './shown_json.ts';

export interface TokenizerFile {
  readonly vocab: Readonly<Record<string, number>>;
  /** Pairs of tokens that become one, the first rule first. */
  readonly merges: readonly (readonly [string, string])[];
  /** Whether a piece of text that is a token stays whole, whatever the merges. */
  readonly ignoreMerges: boolean;
  readonly normalizer: 'NFC' | undefined;
  /** The control tokens. */
  readonly added: readonly { readonly id: number; readonly content: string }[];
}

/** How Qwen2 and Qwen2.5 split text before they merge: the one pattern that is supported. */
export const QWEN2_PATTERN =
  "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

/** Most tokens, and one more than the highest id. */
const MAX_TOKENS = 1_000_000;

/** Checks the parsed JSON of a tokenizer.json. @throws FileError, in one sentence that begins with `file`. */
export function readTokenizerFile(json: unknown, file: string): TokenizerFile {
  const rule = (holds: boolean, sentence: string): void => {
    if (!holds) throw new FileError(`${file}: ${sentence}`);
  };
  const root = record(json);
  const model = record(root?.['model']);
  if (!root || !model) throw new FileError(`${file}: must be a JSON object with a model but is not`);
  const { type = 'BPE' } = model;
  rule(type === 'BPE', `the model must be of type BPE but is ${show(type)}`);
  for (const key of ['continuing_subword_prefix', 'end_of_word_suffix'])
    rule((model[key] ?? '') === '', `the model must have no ${key} but has ${show(model[key])}`);
  const decoder = record(root['decoder'])?.['type'];
  rule(decoder === 'ByteLevel', `the decoder must be ByteLevel but is ${show(decoder)}`);
  const normalizer = root['normalizer'] ?? undefined;
  rule(
    normalizer === undefined || record(normalizer)?.['type'] === 'NFC',
    `the normalizer must be NFC or null but is ${show(normalizer)}`,
  );
  rule(
    splitsAsQwen2(root['pre_tokenizer']),
    `the pre_tokenizer must be Qwen2's, a Split by its pattern and then ByteLevel without one, but is ${show(root['pre_tokenizer'])}`,
  );
  const { vocab, owner } = readVocab(model['vocab'], rule);
  return {
    vocab,
    merges: readMerges(model['merges'], vocab, rule),
    ignoreMerges: model['ignore_merges'] === true,
    normalizer: normalizer && 'NFC',
    added: readAdded(root['added_tokens'] ?? [], vocab, owner, rule),
  };
}

type Rule = (holds: boolean, sentence: string) => void;

function splitsAsQwen2(json: unknown): boolean {
  const steps = record(json)?.['pretokenizers'];
  if (record(json)?.['type'] !== 'Sequence' || !Array.isArray(steps) || steps.length !== 2) return false;
  const [split, bytes] = steps.map(record);
  return (
    split?.['type'] === 'Split' &&
    record(split['pattern'])?.['Regex'] === QWEN2_PATTERN &&
    split['behavior'] === 'Isolated' &&
    split['invert'] === false &&
    bytes?.['type'] === 'ByteLevel' &&
    bytes['add_prefix_space'] === false &&
    bytes['use_regex'] === false
  );
}

/** The vocab, and the token that has each id. */
function readVocab(json: unknown, rule: Rule): { vocab: TokenizerFile['vocab']; owner: Map<number, string> } {
  const vocab = record(json) ?? {};
  if (vocab !== json) rule(false, `the vocab must be an object of tokens and their ids but is ${show(json)}`);
  const tokens = Object.keys(vocab);
  rule(tokens.length <= MAX_TOKENS, `the vocab must have at most ${MAX_TOKENS} tokens but has ${tokens.length}`);
  const owner = new Map<number, string>();
  for (const token of tokens) {
    const id = vocab[token];
    if (!isId(id))
      rule(false, `the id of ${show(token)} must be a whole number below ${MAX_TOKENS} but is ${show(id)}`);
    const other = owner.get(id as number);
    if (other !== undefined)
      rule(false, `the tokens ${show(other)} and ${show(token)} must differ in id but are ${show(id)}`);
    owner.set(id as number, token);
  }
  const missing = [...byteAlphabet().keys()].filter((letter) => !Object.hasOwn(vocab, letter));
  rule(
    missing.length === 0,
    `the vocab must have a token for each of the 256 bytes but lacks ${missing.length} of them, such as ${show(missing[0])}`,
  );
  return { vocab: vocab as Record<string, number>, owner };
}

function readMerges(json: unknown, vocab: TokenizerFile['vocab'], rule: Rule): TokenizerFile['merges'] {
  if (!Array.isArray(json) || json.length > MAX_TOKENS)
    return rule(false, `the merges must be a list of at most ${MAX_TOKENS} but are ${show(json)}`) as never;
  return json.map((merge: unknown, i) => {
    // Older files write a pair as a text with one space.
    const pair: unknown = typeof merge === 'string' ? merge.split(' ') : merge;
    if (!Array.isArray(pair) || pair.length !== 2 || !pair.every((x): x is string => typeof x === 'string'))
      return rule(false, `merge ${i} must be a pair of tokens but is ${show(merge)}`) as never;
    const unknown = [...pair, pair.join('')].find((token) => !Object.hasOwn(vocab, token));
    if (unknown !== undefined)
      rule(
        false,
        `merge ${i}, ${show(merge)}, must join tokens of the vocab to another but ${show(unknown)} is not in it`,
      );
    return [pair[0], pair[1]] as const;
  });
}

function readAdded(
  json: unknown,
  vocab: TokenizerFile['vocab'],
  owner: Map<number, string>,
  rule: Rule,
): TokenizerFile['added'] {
  const tokens = Array.isArray(json) && json.length <= MAX_TOKENS ? json.map(record) : [undefined];
  const contents = new Set<string>();
  return tokens.map((token) => {
    const { id, content } = token ?? {};
    if (!isId(id) || typeof content !== 'string' || content === '')
      return rule(
        false,
        `added_tokens must be a list of tokens with content and an id below ${MAX_TOKENS} but has ${show(token ?? json)}`,
      ) as never;
    const other = owner.get(id);
    const free = other === undefined ? !Object.hasOwn(vocab, content) : other === content;
    rule(
      free && !contents.has(content),
      `the added token ${show(content)} must have its own id but has ${id}${other === undefined ? '' : `, that of ${show(other)}`}`,
    );
    owner.set(id, content);
    contents.add(content);
    return { id, content };
  });
}

/** GPT-2's byte-level alphabet: printable Latin-1 stands for itself, the other 68 bytes for U+0100 onwards. */
export function byteAlphabet(): Map<string, number> {
  const alphabet = new Map<string, number>();
  for (let byte = 0, next = 0x100; byte < 256; byte++) {
    const printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte !== 0xad);
    alphabet.set(String.fromCodePoint(printable ? byte : next++), byte);
  }
  return alphabet;
}

function record(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}

const isId = (value: unknown): value is number =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) < MAX_TOKENS;

function show(value: unknown): string {
  if (Array.isArray(value) && value.length > 100) return `a list of ${value.length}`;
  return value === undefined ? 'missing' : shownJson(value, 200);
}
