/**
 * Two pinned pictures: one over the other with a slider between them, or side by side; below, in what their settings differ. The slider is a
 * native range input over the pictures, so keys and screen readers know it; the package for this writes inline styles, which the page's
 * security policy refuses.
 */
import { Columns2, SquareSplitHorizontal, X } from 'lucide';
import { useState } from 'preact/hooks';
import { type Entry, settingsDiffer, titleOf } from '../logic/history.ts';
import { comparing, pinnedEntries } from '../state.ts';
import { IconButton } from './icon.tsx';
import { PictureImage } from './picture_image.tsx';

export function CompareStage() {
  const [a, b] = pinnedEntries.value;
  const close = () => (comparing.value = undefined);
  return (
    <section class="compare" aria-label="Compare">
      {comparing.value === 'slider' ? <Slider /> : <SideBySide />}
      <div class="actions" role="toolbar" aria-label="Compare">
        <IconButton
          of={SquareSplitHorizontal}
          name="Slider"
          pressed={comparing.value === 'slider'}
          onClick={() => (comparing.value = 'slider')}
        />
        <IconButton
          of={Columns2}
          name="Side by side"
          pressed={comparing.value === 'side-by-side'}
          onClick={() => (comparing.value = 'side-by-side')}
        />
        <IconButton of={X} name="Stop comparing" keys="Esc" onClick={close} />
      </div>
      <p class="how">{inWords(a, b)}</p>
    </section>
  );
}

function inWords(a: Entry, b: Entry): string {
  if (!a.record || !b.record) return 'How both were made is not known.';
  return settingsDiffer(a, b).join(' · ') || 'Made with the same settings.';
}

function Slider() {
  const [a, b] = pinnedEntries.value;
  const [at, setAt] = useState(50);
  return (
    <div class="slider" style={{ '--at': `${at}%`, aspectRatio: `${a.width} / ${a.height}` }}>
      <PictureImage entry={b} />
      <div class="slider-before">
        <PictureImage entry={a} />
      </div>
      <span class="slider-line" aria-hidden="true" />
      <input
        type="range"
        min={0}
        max={100}
        value={at}
        aria-label="Where the first picture ends and the second begins"
        onInput={(event) => setAt(event.currentTarget.valueAsNumber)}
      />
    </div>
  );
}

function SideBySide() {
  return (
    <div class="side-by-side">
      {pinnedEntries.value.map((entry) => (
        <figure key={entry.id}>
          <PictureImage entry={entry} />
          <figcaption>{titleOf(entry)}</figcaption>
        </figure>
      ))}
    </div>
  );
}
