/** Values of JSON files in error messages. */

/** The value as JSON, cut after `most` characters; what is too deep for that, in words. */
export function shownJson(value: unknown, most: number): string {
  let text: string;
  try {
    text = JSON.stringify(value) ?? String(value);
  } catch {
    return 'nested too deeply'; // JSON.parse reads any depth, JSON.stringify does not write it
  }
  return text.length > most ? `${text.slice(0, most)}…` : text;
}
