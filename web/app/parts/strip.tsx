/** The history as a strip of small pictures, newest first, with search, favourites and what can be done with those that are chosen. */
import { Archive, CheckCheck, Download, Heart, ImagePlus, Search, Trash2, Upload, X } from 'lucide';
import { useEffect, useRef } from 'preact/hooks';
import { exportAll, exportChosen, importArchive } from '../archive_actions.ts';
import { remove, select, toggleChosen } from '../history_actions.ts';
import { receive } from '../incoming.ts';
import { type Entry, titleOf } from '../logic/history.ts';
import { chosen, entries, filter, pinned, selected, shown, watching, work } from '../state.ts';
import { Icon, IconButton } from './icon.tsx';
import { FileButton } from './file_button.tsx';
import { PictureImage } from './picture_image.tsx';

/** Most pictures drawn at once; the search finds the others. */
const MOST = 400;

export function Strip() {
  const list = shown.value.slice(0, MOST);
  return (
    <section class="history" aria-label="History">
      <StripTools />
      {list.length > 0 || work.value ? (
        <ul class="strip" data-testid="strip">
          {work.value && !watching.value && (
            <li>
              <button type="button" class="thumb at-work" onClick={() => (watching.value = true)}>
                At work
              </button>
            </li>
          )}
          {list.map((entry) => (
            <Thumb key={entry.id} entry={entry} />
          ))}
        </ul>
      ) : (
        <p class="empty">
          {entries.value.length > 0
            ? 'No picture has these words.'
            : 'Pictures that you make stay here, on this machine.'}
        </p>
      )}
    </section>
  );
}

function Thumb({ entry }: { entry: Entry }) {
  const isSelected = selected.value === entry.id;
  const item = useRef<HTMLLIElement>(null);
  useEffect(() => {
    if (isSelected) item.current?.scrollIntoView({ block: 'nearest', inline: 'nearest' });
  }, [isSelected]);
  const choosing = chosen.value.size > 0;
  const isChosen = chosen.value.has(entry.id);
  return (
    <li ref={item}>
      <button
        type="button"
        class={`thumb${isChosen ? ' chosen' : ''}${pinned.value.includes(entry.id) ? ' pinned' : ''}`}
        aria-current={isSelected ? 'true' : undefined}
        aria-pressed={choosing ? isChosen : undefined}
        aria-label={titleOf(entry)}
        title={titleOf(entry)}
        onClick={(event) =>
          choosing || event.ctrlKey || event.metaKey || event.shiftKey ? toggleChosen(entry.id) : select(entry.id)
        }
      >
        <PictureImage entry={entry} decorative />
        {entry.favourite && (
          <span class="badge">
            <Icon of={Heart} size={12} />
          </span>
        )}
      </button>
    </li>
  );
}

function StripTools() {
  const { words, favourites } = filter.value;
  const number = chosen.value.size;
  if (number > 0)
    return (
      <div class="strip-tools" role="toolbar" aria-label="Chosen pictures">
        <span class="strip-words">{number} chosen</span>
        <IconButton
          of={CheckCheck}
          name="Choose all shown"
          onClick={() => (chosen.value = new Set(shown.value.map(({ id }) => id)))}
        />
        <IconButton of={Download} name="Save chosen as ZIP" onClick={() => void exportChosen()} />
        <IconButton of={Trash2} name="Delete chosen" onClick={() => void remove([...chosen.value])} />
        <IconButton of={X} name="Choose none" onClick={() => (chosen.value = new Set())} />
      </div>
    );
  return (
    <div class="strip-tools" role="toolbar" aria-label="History tools">
      <label class="search">
        <Icon of={Search} size={15} />
        <input
          id="search"
          type="search"
          aria-label="Search the history"
          placeholder="Search"
          value={words}
          onInput={(event) => (filter.value = { favourites, words: event.currentTarget.value.slice(0, 200) })}
        />
      </label>
      <IconButton
        of={Heart}
        name="Favourites only"
        pressed={favourites}
        onClick={() => (filter.value = { words, favourites: !favourites })}
      />
      <IconButton
        of={CheckCheck}
        name="Choose pictures"
        disabled={selected.value === undefined}
        onClick={() => selected.value !== undefined && toggleChosen(selected.value)}
      />
      <span class="grow" />
      <FileButton
        of={ImagePlus}
        name="Bring in pictures"
        accept="image/*"
        multiple
        onFiles={(files) => void receive(files)}
      />
      <IconButton
        of={Archive}
        name="Export everything"
        disabled={entries.value.length === 0}
        onClick={() => void exportAll()}
      />
      <FileButton of={Upload} name="Import an export" accept=".zip" onFiles={([file]) => void importArchive(file)} />
    </div>
  );
}
