/** The mask editor: which picture, its strokes, the tool, and what the edit asks for beside the mask. The mask stays when words or pictures change. */
import { batch, computed, effect, signal } from '@preact/signals';
import type { Mask } from '../../src/harmon/index.ts';
import type { Entry } from './logic/history.ts';
import { NO_STROKES, type Strokes, addStroke, clearing, maskOf, redo, undo } from './logic/mask_strokes.ts';
import type { JobEdit } from './logic/queue.ts';
import { enqueue } from './queue_runner.ts';
import { draft, editing, mode, notice, selectedEntry, variation } from './state.ts';

export type Tool = 'brush' | 'eraser';
type Extension = Record<'left' | 'right' | 'top' | 'bottom', number>;
const NO_EXTENSION: Extension = { left: 0, right: 0, top: 0, bottom: 0 };

export const strokes = signal<Strokes>(NO_STROKES);
export const tool = signal<Tool>('brush');
/** Radius as a share of the picture's longer side. */
export const brush = signal(0.08);
export const extension = signal<Extension>(NO_EXTENSION);
/** The size that the strokes were made for. */
const madeFor = signal<readonly [width: number, height: number]>([0, 0]);

/** The mask of the picture that is open, if anything is drawn. */
export const mask = computed<Mask | undefined>(() => maskOf(strokes.value.done, ...madeFor.value));
/** While it is open the editor follows what is selected. */
effect(() => {
  const entry = selectedEntry.value;
  if (editing.value && entry) fitTo(entry);
});
const extends_ = computed(() => Object.values(extension.value).some((by) => by > 0));

/** What the button makes. */
export const editorSays = computed(() =>
  mask.value ? 'Make it anew' : extends_.value ? 'Extend' : 'Mark a part first',
);

/** Strokes for a picture of the last one's size stay; another begins with none. */
function fitTo(entry: Entry): void {
  const [width, height] = madeFor.peek();
  if (width === entry.width && height === entry.height) return;
  batch(() => {
    madeFor.value = [entry.width, entry.height];
    strokes.value = NO_STROKES;
    extension.value = NO_EXTENSION;
  });
}

/** Opens the editor on the selected picture. */
export function openEditor(): void {
  const entry = selectedEntry.value;
  if (!entry) return;
  if (entry.record && draft.value.prompt.trim() === '') draft.value = { ...draft.value, prompt: entry.record.prompt };
  mode.value = 'make';
  editing.value = true;
}

export const closeEditor = (): void => {
  editing.value = false;
};

export const draw = (stroke: Strokes['done'][number]): void => {
  strokes.value = addStroke(strokes.value, stroke);
};
export const undoStroke = (): void => {
  strokes.value = undo(strokes.value);
};
export const redoStroke = (): void => {
  strokes.value = redo(strokes.value);
};
export const clearMask = (): void => {
  if (mask.value) draw(clearing(...madeFor.value));
};
export const sizeBrush = (by: number): void => {
  brush.value = Math.min(0.5, Math.max(0.01, brush.value * by));
};
export const extend = (side: keyof Extension, by: number): void => {
  if (Number.isInteger(by) && by >= 0 && by <= 64) extension.value = { ...extension.value, [side]: by };
};

/** The edit that is drawn, or nothing, said so, where there is none. */
export function editJob(): JobEdit | undefined {
  const source = selectedEntry.value?.id;
  if (source === undefined) return undefined;
  if (!mask.value && !extends_.value) {
    notice.value = { text: 'Draw over what shall be made anew first, or extend a side.' };
    return undefined;
  }
  editing.value = false;
  return {
    source,
    ...(mask.value && { mask: mask.value }),
    ...(extends_.value && { extend: extension.value }),
  };
}

/** Puts a variation of the selected picture into the queue: a share of its squares made anew, for its own words, by a seed of its own. */
export function vary(): void {
  const entry = selectedEntry.value;
  if (!entry) return;
  const words = entry.record ? { prompt: entry.record.prompt } : {};
  enqueue({ edit: { source: entry.id, variation: variation.value } }, { ...words, seed: undefined });
}
