/**
 * Text to token ids and back: byte-level BPE as tokenizer.json describes it. Encoding is @huggingface/tokenizers' work, with the
 * control tokens taken out, so that no text can turn into one; they enter by name only. Decoding is our own: ids to bytes by the
 * byte-level alphabet, bytes to text by a UTF-8 decoder that can wait for the rest of a character.
 */
import { Tokenizer as Encoder } from '@huggingface/tokenizers';
import { ArgumentError } from '../engine/index.ts';
import { QWEN2_PATTERN, type TokenizerFile, byteAlphabet, readTokenizerFile } from './tokenizer_file.ts';

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

/**
 * Makes a tokenizer from the parsed JSON of a tokenizer.json. `file` names it in errors.
 * @throws FileError for anything but a byte-level BPE over Qwen2's split of text.
 */
export function createTokenizer(json: unknown, file = 'tokenizer.json'): Tokenizer {
  const read = readTokenizerFile(json, file);
  const encoder = encoderOf(read);
  const controls = new Map(read.added.map(({ content, id }) => [content, id]));
  const bytes = tokenBytes(read);
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

/** The encoder, which is given nothing of the file but what was checked. */
function encoderOf({ vocab, merges, ignoreMerges, normalizer }: TokenizerFile): Encoder {
  const split = { type: 'Split', pattern: { Regex: QWEN2_PATTERN }, behavior: 'Isolated', invert: false };
  const toBytes = { type: 'ByteLevel', add_prefix_space: false, trim_offsets: true, use_regex: false };
  const file = {
    added_tokens: [],
    normalizer: normalizer ? { type: normalizer } : null,
    pre_tokenizer: { type: 'Sequence', pretokenizers: [split, toBytes] },
    model: { type: 'BPE', vocab, merges, ignore_merges: ignoreMerges },
    post_processor: null,
    decoder: { type: 'ByteLevel' },
  };
  return new Encoder(file, {});
}

/** The bytes of every token, by id. */
function tokenBytes({ vocab, added }: TokenizerFile): Uint8Array[] {
  const bytes: Uint8Array[] = [];
  const alphabet = byteAlphabet();
  for (const [token, id] of Object.entries(vocab)) {
    const letters = Array.from(token, (letter) => alphabet.get(letter));
    // A letter outside the alphabet means a control token that is listed in the vocabulary too: its name is its text.
    bytes[id] = letters.every((b) => b !== undefined) ? Uint8Array.from(letters) : new TextEncoder().encode(token);
  }
  for (const { id, content } of added) bytes[id] = new TextEncoder().encode(content);
  return bytes;
}
