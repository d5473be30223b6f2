/** Text for people: characters that would steer their terminal made visible, and counted nouns. */

/** Controls, and what turns the direction of a line around. */
const STEERING = /[\p{Cc}\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/gu;

/** Text of one line that may come from anywhere, such as from the header of a file: `\u{1b}` stands for an escape character. */
export const visible = (text: string): string =>
  text.replace(STEERING, (character) => `\\u{${character.charCodeAt(0).toString(16)}}`);

/** The same for several lines, whose breaks stay. */
export const visibleLines = (text: string): string => text.split('\n').map(visible).join('\n');

/** A path as one word of a shell's line. */
export const shellWord = (path: string): string =>
  /^[\p{L}\p{N}_./+=:@%-]+$/u.test(path) ? path : `'${path.replaceAll("'", "'\\''")}'`;

/** `1 iteration`, `2 iterations`, `2 entries` */
export const counted = (n: number, noun: string): string =>
  `${n} ${n === 1 ? noun : /[^aeo]y$/.test(noun) ? `${noun.slice(0, -1)}ies` : `${noun}s`}`;
