/** What the keys do. Letters do nothing while a field has the focus, and nothing behind a dialog. */
import { tinykeys } from 'tinykeys';
import { saveJpeg, savePicture } from './archive_actions.ts';
import { closeEditor, openEditor, redoStroke, sizeBrush, tool, undoStroke, vary } from './editor.ts';
import { remove, toggleFavourite, togglePin, walk } from './history_actions.ts';
import { incomingRecord } from './incoming.ts';
import { type Command, KEY_BINDINGS } from './logic/keys.ts';
import { make } from './parts/prompt_bar.tsx';
import { cancelJob, randomSeed } from './queue_runner.ts';
import { comparing, dialog, editing, mode, notice, pinned, selected, selectedEntry, setDraft, work } from './state.ts';
import { answering, stopAnswer } from './talk.ts';

const focus = (id: string): void => document.getElementById(id)?.focus();

const COMMANDS: Readonly<Record<Command, () => void>> = {
  make: () => mode.value === 'make' && make(),
  cancel: () => {
    if (editing.value) closeEditor();
    else if (comparing.value) comparing.value = undefined;
    else if (answering.value) stopAnswer();
    else if (work.value) cancelJob(work.value.job.id);
  },
  previous: () => walk(-1),
  next: () => walk(1),
  favourite: () => toggleFavourite(selected.value),
  pin: () => togglePin(selected.value),
  compare: () => {
    if (pinned.value.length < 2) notice.value = { text: 'Pin two pictures first (P), then compare them.' };
    else comparing.value = comparing.value === 'slider' ? 'side-by-side' : 'slider';
  },
  edit: openEditor,
  vary,
  ask: () => (mode.value = 'ask'),
  'make-mode': () => (mode.value = 'make'),
  settings: () => {
    const record = selectedEntry.value?.record;
    if (!record) return;
    incomingRecord.value = record;
    dialog.value = 'restore';
  },
  'draw-seed': () => setDraft({ seed: randomSeed() }),
  save: () => selectedEntry.value && void savePicture(selectedEntry.value),
  'save-jpeg': () => selectedEntry.value && void saveJpeg(selectedEntry.value),
  delete: () => selected.value !== undefined && !editing.value && void remove([selected.value]),
  brush: () => (tool.value = 'brush'),
  eraser: () => (tool.value = 'eraser'),
  smaller: () => sizeBrush(1 / 1.2),
  larger: () => sizeBrush(1.2),
  undo: () => {
    if (editing.value) return undoStroke();
    const { undo } = notice.value ?? {};
    notice.value = undefined;
    void undo?.();
  },
  redo: redoStroke,
  words: () => focus(mode.value === 'ask' ? 'question' : 'prompt'),
  search: () => focus('search'),
  help: () => (dialog.value = 'keys'),
};

const isField = (target: EventTarget | null): boolean =>
  target instanceof HTMLTextAreaElement ||
  target instanceof HTMLSelectElement ||
  (target instanceof HTMLInputElement && !['checkbox', 'radio', 'range', 'button'].includes(target.type));

/** Listens to the keys. Gives the way to stop. */
export function listenToKeys(): () => void {
  const bindings = KEY_BINDINGS.flatMap(({ command, keys, inFields }) =>
    keys.map((key) => [
      key,
      (event: KeyboardEvent) => {
        if (dialog.value !== undefined || (isField(event.target) && !inFields)) return;
        if (event.key.startsWith('Arrow') && event.target instanceof HTMLInputElement) return;
        event.preventDefault();
        COMMANDS[command]();
      },
    ]),
  );
  return tinykeys(window, Object.fromEntries(bindings) as Parameters<typeof tinykeys>[1], { ignore: () => false });
}
