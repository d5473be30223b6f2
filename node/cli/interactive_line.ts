/** A line of the interactive session: words make a picture, a slash begins a command. */
import { ArgumentError } from '../../src/engine/index.ts';
import { type Box, boxes } from './edit_values.ts';
import { type Size, quote, seedOrNew, size, whole } from './values.ts';

export type InteractiveLine =
  | { readonly kind: 'make'; readonly prompt: string }
  | { readonly kind: 'ask'; readonly question: string | undefined }
  | { readonly kind: 'image'; readonly path: string }
  | { readonly kind: 'save'; readonly path: string }
  | { readonly kind: 'seed'; readonly seed: number | 'new' }
  | { readonly kind: 'size'; readonly size: Size }
  | { readonly kind: 'iterations'; readonly iterations: number }
  | { readonly kind: 'edit'; readonly box: Box; readonly prompt: string }
  | { readonly kind: 'again' }
  | { readonly kind: 'help' }
  | { readonly kind: 'quit' };

export const INTERACTIVE_HELP = `Type what the picture shows, or one of these:
  /ask [question]               about the picture; without, what is in it
  /edit box x,y,width,height words   make that part anew, in pixels
  /again                        the same words with another seed
  /image file.png               take a picture from a file
  /save file.png                keep the picture under a name
  /seed n|new                   one seed for all pictures, or a new one each
  /size n                       pixels: a side or WIDTHxHEIGHT, multiples of 16
  /iterations n                 fewer are faster
  /quit                         or Ctrl-D; Ctrl-C stops the work at hand
`;

/** Reads a line; undefined for an empty one. @throws ArgumentError for a command that there is not, or that lacks something. */
export function parseInteractiveLine(text: string): InteractiveLine | undefined {
  const line = text.trim();
  if (line === '') return undefined;
  if (!line.startsWith('/')) return { kind: 'make', prompt: line };
  const [, name, rest] = /^\/(\S*)\s*(.*)$/su.exec(line)!;
  const needed = (what: string): string => {
    if (rest === '') throw new ArgumentError(`/${name} needs ${what}: /help shows how`);
    return rest;
  };
  switch (name) {
    case 'ask':
      return { kind: 'ask', question: rest === '' ? undefined : rest };
    case 'image':
      return { kind: 'image', path: needed('a file') };
    case 'save':
      return { kind: 'save', path: needed('a file') };
    case 'seed':
      return { kind: 'seed', seed: seedOrNew('/seed')(needed('a number or new')) };
    case 'size':
      return { kind: 'size', size: size('/size')(needed('pixels')) };
    case 'iterations':
      return { kind: 'iterations', iterations: whole('/iterations', 1, 65536)(needed('a number')) };
    case 'edit': {
      const [, box, prompt] = /^box\s+(\S+)\s+(.+)$/su.exec(rest) ?? [];
      if (box === undefined || prompt === undefined)
        throw new ArgumentError(
          `/edit must be followed by box x,y,width,height and what the picture shows then but by ${quote(rest)}`,
        );
      return { kind: 'edit', box: boxes(box)[0], prompt };
    }
    case 'again':
    case 'help':
    case 'quit':
      return { kind: name };
    default:
      throw new ArgumentError(`there is no command /${name.slice(0, 40)}: /help shows those there are`);
  }
}
