/**
 * Text to token ids and back: byte-level BPE as tokenizer.json describes it. Encoding is @huggingface/tokenizers' work, with the
 * control tokens taken out, so that no text can turn into one; they enter by name only. Decoding is our own: ids to bytes by the
 * byte-level alphabet, bytes to text by a UTF-8 decoder that can wait for the rest of a character.
 */
import { Tokenizer as Encoder } from '@huggingface/tokenizers';
import { ArgumentError, FileError } from '../engine/index.ts';

/** Longest text that is encoded, in UTF-16 code units. */
export const MAX_TEXT_LENGTH = 200_000;

export interface Tokenizer {
  /** One more than the highest id. */
  readonly size: number;
  /**
   * Ids of text as typed: `<|im_start|>` in it is ordinary characters.
   * @throws ArgumentError for text beyond MAX_TEXT_LENGTH.
   */
  encode(text: string): number[];
  /** Id of a control token by its name, such as `<|im_end|>`. @throws ArgumentError when the tokenizer has none of that name. */
  control(name: string): number;
  /** Text of ids, control tokens by their names. Bytes that are no UTF-8 become U+FFFD, ids that have no token nothing. */
  decode(ids: Iterable<number>): string;
  /** Decodes ids as they come. */
  stream(): TextStream;
}

/** The texts of `push` and `end`, joined, are what `decode` gives for all the ids. */
export interface TextStream {
  /** Text that `id` completes; the bytes of an unfinished character wait for the next ids. */
  push(id: number): string;
  /** What is left: empty, or U+FFFD for a character that never ended. */
  end(): string;
}

interface TokenizerFile {
  readonly model: { readonly vocab: Readonly<Record<string, number>> };
  readonly added_tokens: readonly { readonly id: number; readonly content: string }[];
}

/**
 * Makes a tokenizer from the parsed JSON of a tokenizer.json. `file` names it in errors.
 * @throws FileError for anything but a byte-level BPE.
 */
export function createTokenizer(json: unknown, file = 'tokenizer.json'): Tokenizer {
  const { model, added_tokens: added } = checkFile(json, file);
  let encoder: Encoder;
  try {
    encoder = new Encoder({ ...(json as object), added_tokens: [] }, {});
  } catch (cause) {
    throw new FileError(`${file}: must be a tokenizer that @huggingface/tokenizers reads but is not`, { cause });
  }
  const controls = new Map(added.map(({ content, id }) => [content, id]));
  const bytes = tokenBytes(model.vocab, added, file);
  const stream = (): TextStream => {
    const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
    return {
      push: (id) => decoder.decode(bytes[id] ?? NOTHING, { stream: true }),
      end: () => decoder.decode(),
    };
  };
  return {
    size: bytes.length,
    encode(text) {
      if (text.length > MAX_TEXT_LENGTH)
        throw new ArgumentError(
          `[text] must be at most ${MAX_TEXT_LENGTH} characters long but has ${text.length}: shorten it`,
        );
      return text === '' ? [] : encoder.encode(text, { add_special_tokens: false }).ids;
    },
    control(name) {
      const id = controls.get(name);
      if (id === undefined)
        throw new ArgumentError(`[control token] must be one that ${file} has but ${JSON.stringify(name)} is not`);
      return id;
    },
    decode(ids) {
      const { push, end } = stream();
      let text = '';
      for (const id of ids) text += push(id);
      return text + end();
    },
    stream,
  };
}

const NOTHING = new Uint8Array(0);

/** The bytes of every token, by id. */
function tokenBytes(vocab: TokenizerFile['model']['vocab'], added: TokenizerFile['added_tokens'], file: string) {
  const bytes: Uint8Array[] = [];
  const alphabet = byteAlphabet();
  for (const [token, id] of Object.entries(vocab)) {
    const letters = Array.from(token, (letter) => alphabet.get(letter));
    // A letter outside the alphabet means a control token that is listed in the vocabulary too: its name is its text.
    bytes[id] = letters.every((b) => b !== undefined) ? Uint8Array.from(letters) : new TextEncoder().encode(token);
  }
  for (const { id, content } of added) bytes[id] = new TextEncoder().encode(content);
  if (bytes.length > MAX_TOKENS)
    throw new FileError(`${file}: ids must be below ${MAX_TOKENS} but reach ${bytes.length - 1}`);
  return bytes;
}

const MAX_TOKENS = 1 << 20;

/** GPT-2's byte-level alphabet: printable Latin-1 stands for itself, the other 68 bytes for U+0100 onwards. */
function byteAlphabet(): Map<string, number> {
  const alphabet = new Map<string, number>();
  for (let byte = 0, next = 0x100; byte < 256; byte++) {
    const printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte !== 0xad);
    alphabet.set(String.fromCodePoint(printable ? byte : next++), byte);
  }
  return alphabet;
}

function checkFile(json: unknown, file: string): TokenizerFile {
  const root = record(json);
  const model = record(root?.['model']);
  if (!root || !model) throw new FileError(`${file}: must be a JSON object with a model but is not`);
  if (model['type'] !== undefined && model['type'] !== 'BPE')
    throw new FileError(`${file}: the model must be of type BPE but is ${JSON.stringify(model['type'])}`);
  const vocab = record(model['vocab']);
  if (!vocab || !Object.values(vocab).every(isId) || !Array.isArray(model['merges']))
    throw new FileError(`${file}: the model must have a vocab of tokens with ids and a list of merges but has not`);
  if (record(root['decoder'])?.['type'] !== 'ByteLevel')
    throw new FileError(
      `${file}: the decoder must be ByteLevel but is ${JSON.stringify(record(root['decoder'])?.['type'])}`,
    );
  const added = root['added_tokens'] ?? [];
  if (
    !Array.isArray(added) ||
    !added.every((t) => isId(record(t)?.['id']) && typeof record(t)?.['content'] === 'string')
  )
    throw new FileError(`${file}: added_tokens must be a list of tokens with id and content but is not`);
  return { model: { vocab: vocab as Record<string, number> }, added_tokens: added as TokenizerFile['added_tokens'] };
}

function record(value: unknown): Record<string, unknown> | undefined {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
    ? (value as Record<string, unknown>)
    : undefined;
}

const isId = (value: unknown): value is number =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) < MAX_TOKENS;
