/** Names of picture files: the words, the seed and a few letters of the id, so that no two are alike. */
import { type Entry, titleOf } from './history.ts';

/** `a-fox-above-a-pizza-7-1f3a.png`. */
export function fileName(entry: Entry, kind: 'png' | 'jpg' = 'png'): string {
  const words = titleOf(entry)
    .replace(/\.[a-z0-9]{2,4}$/i, '')
    .replace(/[^\p{L}\p{N}]+/gu, '-')
    .slice(0, 60)
    .replace(/^-|-$/g, '');
  const parts = [words || 'picture', ...(entry.record ? [entry.record.seed] : []), entry.id.slice(0, 4)];
  return `${parts.join('-')}.${kind}`;
}
