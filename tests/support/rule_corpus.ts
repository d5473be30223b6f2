/**
 * Keeps the broken file of each rule in tests/corpus/rules, for other readers and the fuzzer. The tests that make such a file by hand check
 * that the kept one is the same; with OVERTONE_CORPUS=write they write it.
 */
import { readFileSync, writeFileSync } from 'node:fs';

const FOLDER = new URL('../corpus/rules/', import.meta.url);
/** Larger ones are made when they are needed. */
const MOST_BYTES = 16_384;

/** The file of a rule: `pickle` and `zip` rules are tried on a .pth. */
export const ruleFile = (kind: 'pickle' | 'zip' | 'safetensors', rule: string): string =>
  `${kind}_${rule
    .replace(/[^\w]+/g, '_')
    .replace(/^_+|_+$/g, '')
    .toLowerCase()}${kind === 'safetensors' ? '.safetensors' : '.pth'}`;

/** Whether the kept file is `bytes`; true for those too large to keep. */
export function isKept(kind: 'pickle' | 'zip' | 'safetensors', rule: string, bytes: Uint8Array): boolean {
  if (bytes.length > MOST_BYTES) return true;
  const path = new URL(ruleFile(kind, rule), FOLDER);
  if (process.env.OVERTONE_CORPUS === 'write') writeFileSync(path, bytes);
  return Buffer.compare(readFileSync(path), bytes) === 0;
}
