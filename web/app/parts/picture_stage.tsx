/** The picture in the centre with what can be done with it; or two of them beside each other, or under a slider. */
import {
  Columns2,
  Download,
  Heart,
  ImageDown,
  type IconNode,
  MessageCircle,
  Paintbrush,
  Pin,
  RotateCcw,
  Share2,
  Shuffle,
  SquareSplitHorizontal,
  Trash2,
} from 'lucide';
import { saveJpeg, savePicture } from '../archive_actions.ts';
import { openEditor, vary } from '../editor.ts';
import { remove, toggleFavourite, togglePin } from '../history_actions.ts';
import { incomingRecord } from '../incoming.ts';
import { type Entry, titleOf } from '../logic/history.ts';
import { comparing, dialog, mode, pinned, pinnedEntries, selectedEntry, variation } from '../state.ts';
import { CompareStage } from './compare_stage.tsx';
import { Icon, IconButton } from './icon.tsx';
import { PictureImage } from './picture_image.tsx';

export function PictureStage() {
  const entry = selectedEntry.value;
  if (comparing.value && pinnedEntries.value.length === 2) return <CompareStage />;
  if (!entry) return <Welcome />;
  return (
    <figure class="picture" data-testid="picture">
      <PictureImage entry={entry} class="shown" />
      <figcaption>
        <PictureActions entry={entry} />
        <p class="how">{howMade(entry)}</p>
      </figcaption>
    </figure>
  );
}

function Welcome() {
  return (
    <div class="welcome">
      <div class="welcome-square" aria-hidden="true" />
      <p>
        {mode.value === 'ask'
          ? 'Drop a picture, paste one, or draw one, then ask about it.'
          : 'Say what the picture shall show, then make it. Everything happens on this machine.'}
      </p>
    </div>
  );
}

function howMade({ record, name, width, height }: Entry): string {
  if (!record) return [name, `${width}×${height}`].filter(Boolean).join(' · ');
  const parts = [
    `seed ${record.seed}`,
    `${width}×${height}`,
    `${record.iterations} iterations`,
    `guidance ${record.guidance}`,
    ...(record.edit ? ['edited'] : []),
    ...(record.sweep ? ['sheet'] : []),
    record.model.name,
  ];
  return `${record.prompt} · ${parts.join(' · ')}`;
}

function PictureActions({ entry }: { entry: Entry }) {
  const { id, record, favourite } = entry;
  const isPinned = pinned.value.includes(id);
  return (
    <div class="actions" role="toolbar" aria-label="Picture">
      <Action of={Paintbrush} name="Edit" keys="E" onClick={openEditor} />
      <VariationAction />
      {mode.value === 'make' && <Action of={MessageCircle} name="Ask" keys="A" onClick={() => (mode.value = 'ask')} />}
      <IconButton
        of={Heart}
        name="Favourite"
        keys="F"
        pressed={favourite ?? false}
        onClick={() => toggleFavourite(id)}
      />
      <IconButton of={Pin} name="Pin to compare" keys="P" pressed={isPinned} onClick={() => togglePin(id)} />
      {pinned.value.length === 2 && (
        <>
          <IconButton of={SquareSplitHorizontal} name="Compare" keys="C" onClick={() => (comparing.value = 'slider')} />
          <IconButton of={Columns2} name="Side by side" onClick={() => (comparing.value = 'side-by-side')} />
        </>
      )}
      {record && (
        <IconButton
          of={RotateCcw}
          name="Use its settings"
          keys="R"
          onClick={() => {
            incomingRecord.value = record;
            dialog.value = 'restore';
          }}
        />
      )}
      {record && <IconButton of={Share2} name="Copy as" onClick={() => (dialog.value = 'share')} />}
      <IconButton of={Download} name="Save the file" keys="S" onClick={() => void savePicture(entry)} />
      <IconButton of={ImageDown} name="Save as JPEG" keys="J" onClick={() => void saveJpeg(entry)} />
      <IconButton of={Trash2} name={`Delete ${titleOf(entry)}`} keys="Delete" onClick={() => void remove([id])} />
    </div>
  );
}

function Action({ of, name, keys, onClick }: { of: IconNode; name: string; keys: string; onClick: () => void }) {
  return (
    <button type="button" class="quiet" title={`${name} (${keys})`} aria-keyshortcuts={keys} onClick={onClick}>
      <Icon of={of} size={16} /> {name}
    </button>
  );
}

/** Varies the picture by a strength of a few tenths. */
function VariationAction() {
  return (
    <span class="vary">
      <button type="button" class="quiet" title="Vary (V)" aria-keyshortcuts="V" onClick={vary}>
        <Icon of={Shuffle} size={16} /> Vary
      </button>
      <input
        type="range"
        aria-label="Strength of the variation"
        title="How much of it is made anew"
        min={0.1}
        max={1}
        step={0.1}
        value={variation.value}
        aria-valuetext={`${Math.round(variation.value * 100)} percent`}
        onInput={(event) => (variation.value = event.currentTarget.valueAsNumber)}
      />
    </span>
  );
}
