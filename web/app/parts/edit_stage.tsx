/** The editor: the picture under the mask, the tools, and how far the canvas is extended on each side. */
import { Brush, Eraser, Redo2, Trash2, Undo2, X } from 'lucide';
import {
  brush,
  clearMask,
  closeEditor,
  extend,
  extension,
  mask,
  redoStroke,
  strokes,
  tool,
  undoStroke,
} from '../editor.ts';
import { selectedEntry } from '../state.ts';
import { IconButton } from './icon.tsx';
import { MaskCanvas } from './mask_canvas.tsx';

const SIDES = ['left', 'right', 'top', 'bottom'] as const;

export function EditStage() {
  const entry = selectedEntry.value;
  if (!entry) return null;
  return (
    <section class="edit" aria-label="Edit">
      <MaskCanvas key={entry.id} entry={entry} />
      <div class="actions" role="toolbar" aria-label="Mask">
        <IconButton
          of={Brush}
          name="Brush"
          keys="B"
          pressed={tool.value === 'brush'}
          onClick={() => (tool.value = 'brush')}
        />
        <IconButton
          of={Eraser}
          name="Eraser"
          keys="X"
          pressed={tool.value === 'eraser'}
          onClick={() => (tool.value = 'eraser')}
        />
        <input
          type="range"
          aria-label="Size of the brush"
          title="Size of the brush ([ and ], or the wheel)"
          min={0.01}
          max={0.5}
          step={0.01}
          value={brush.value}
          onInput={(event) => (brush.value = event.currentTarget.valueAsNumber)}
        />
        <IconButton
          of={Undo2}
          name="Undo"
          keys="Ctrl+Z"
          disabled={strokes.value.done.length === 0}
          onClick={undoStroke}
        />
        <IconButton
          of={Redo2}
          name="Redo"
          keys="Ctrl+Shift+Z"
          disabled={strokes.value.undone.length === 0}
          onClick={redoStroke}
        />
        <IconButton of={Trash2} name="Clear the mask" disabled={!mask.value} onClick={clearMask} />
        <details class="extend">
          <summary>Extend</summary>
          <div class="extend-sides">
            {SIDES.map((side) => (
              <label class="field" key={side}>
                <span>{side}</span>
                <input
                  type="number"
                  min={0}
                  max={64}
                  step={1}
                  value={extension.value[side]}
                  aria-label={`Extend ${side}, in squares of 16 pixels`}
                  onChange={(event) => extend(side, event.currentTarget.valueAsNumber || 0)}
                />
              </label>
            ))}
            <small>Squares of 16 pixels</small>
          </div>
        </details>
        <IconButton of={X} name="Close the editor" keys="Esc" onClick={closeEditor} />
      </div>
    </section>
  );
}
