/** The keys of the page: what tinykeys listens to, how a person reads it, and what it does. One list, so that the help cannot differ. */

export type Command =
  | 'make'
  | 'cancel'
  | 'previous'
  | 'next'
  | 'favourite'
  | 'pin'
  | 'compare'
  | 'edit'
  | 'vary'
  | 'ask'
  | 'make-mode'
  | 'settings'
  | 'save'
  | 'save-jpeg'
  | 'delete'
  | 'brush'
  | 'eraser'
  | 'smaller'
  | 'larger'
  | 'undo'
  | 'redo'
  | 'words'
  | 'search'
  | 'draw-seed'
  | 'help';

export interface KeyBinding {
  readonly command: Command;
  /** As tinykeys writes them. */
  readonly keys: readonly string[];
  readonly shown: string;
  readonly text: string;
  /** Works while a field has the focus. */
  readonly inFields?: boolean;
}

export const KEY_BINDINGS: readonly KeyBinding[] = [
  { command: 'make', keys: ['$mod+Enter'], shown: 'Ctrl Enter', text: 'Make, or add to the queue', inFields: true },
  {
    command: 'cancel',
    keys: ['Escape'],
    shown: 'Esc',
    text: 'Close what is open; else cancel what is at work',
    inFields: true,
  },
  { command: 'previous', keys: ['ArrowLeft'], shown: '←', text: 'The picture before' },
  { command: 'next', keys: ['ArrowRight'], shown: '→', text: 'The picture after' },
  { command: 'favourite', keys: ['f'], shown: 'F', text: 'Favourite' },
  { command: 'pin', keys: ['p'], shown: 'P', text: 'Pin, to compare two' },
  { command: 'compare', keys: ['c'], shown: 'C', text: 'Compare the pinned; again: side by side' },
  { command: 'edit', keys: ['e'], shown: 'E', text: 'Edit: draw a mask' },
  { command: 'vary', keys: ['v'], shown: 'V', text: 'Vary' },
  { command: 'ask', keys: ['a'], shown: 'A', text: 'Ask about the picture' },
  { command: 'make-mode', keys: ['m'], shown: 'M', text: 'Make pictures' },
  { command: 'settings', keys: ['r'], shown: 'R', text: 'Use the picture’s settings' },
  { command: 'draw-seed', keys: ['d'], shown: 'D', text: 'Draw a seed' },
  { command: 'save', keys: ['s'], shown: 'S', text: 'Save the file' },
  { command: 'save-jpeg', keys: ['j'], shown: 'J', text: 'Save as JPEG' },
  { command: 'delete', keys: ['Delete', 'Backspace'], shown: 'Del', text: 'Delete' },
  { command: 'brush', keys: ['b'], shown: 'B', text: 'Mask: brush' },
  { command: 'eraser', keys: ['x'], shown: 'X', text: 'Mask: eraser' },
  { command: 'smaller', keys: [String.raw`(\[)`], shown: '[', text: 'Mask: smaller brush' },
  { command: 'larger', keys: [String.raw`(\])`], shown: ']', text: 'Mask: larger brush' },
  { command: 'undo', keys: ['$mod+z'], shown: 'Ctrl Z', text: 'Mask: undo; else bring back what was deleted' },
  { command: 'redo', keys: ['$mod+Shift+z', '$mod+y'], shown: 'Ctrl Shift Z', text: 'Mask: redo' },
  { command: 'words', keys: ['w'], shown: 'W', text: 'To the words' },
  { command: 'search', keys: ['/'], shown: '/', text: 'Search the history' },
  { command: 'help', keys: ['[Shift]+?'], shown: '?', text: 'These keys' },
];
