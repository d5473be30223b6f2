/** The upper edge: the two things to do, the model, the device, the keys. */
import { Cpu, Keyboard, Layers } from 'lucide';
import { model } from '../model.ts';
import { type Mode, dialog, editing, mode } from '../state.ts';
import { Icon, IconButton } from './icon.tsx';

const MODES: readonly (readonly [Mode, string])[] = [
  ['make', 'Make'],
  ['ask', 'Ask'],
];

export function TopBar() {
  const now = model.value;
  const name = now.state === 'ready' ? now.opened.config.name : now.state === 'opening' ? 'opening…' : 'no model';
  return (
    <header class="top">
      <h1>Overtone</h1>
      <div class="modes" role="group" aria-label="What to do">
        {MODES.map(([of, label]) => (
          <button
            type="button"
            key={of}
            aria-pressed={mode.value === of}
            onClick={() => {
              mode.value = of;
              editing.value = false;
            }}
          >
            {label}
          </button>
        ))}
      </div>
      <div class="top-tools">
        <button
          type="button"
          class="quiet model-name"
          aria-label={`Models: ${name}`}
          onClick={() => (dialog.value = 'models')}
        >
          <Icon of={Layers} size={16} />
          <span class={`dot ${now.state}`} aria-hidden="true" />
          <span class="model-word">{name}</span>
        </button>
        <IconButton of={Cpu} name="Device" onClick={() => (dialog.value = 'device')} />
        <IconButton of={Keyboard} name="Keys" keys="?" onClick={() => (dialog.value = 'keys')} />
      </div>
    </header>
  );
}
