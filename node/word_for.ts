/** What a value that came instead of another is, in words. */
export function wordFor(value: unknown): string {
  if (value === null || value === undefined) return String(value);
  if (value === '') return 'empty';
  return `${/^[aeiou]/.test(typeof value) ? 'an' : 'a'} ${typeof value}`;
}
