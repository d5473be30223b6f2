/** All settings of a picture, and the named presets. */
import { Save, Trash2 } from 'lucide';
import { useState } from 'preact/hooks';
import { applyPreset, removePreset, savePreset } from '../logic/presets.ts';
import { BOUNDS, LONGEST_PROMPT, tokensOf } from '../logic/settings.ts';
import { defaults, draft, presets, setDraft, showPreviews } from '../state.ts';
import { IconButton } from './icon.tsx';

type NumberKey = 'iterations' | 'guidance' | 'temperature' | 'timesteps' | 'count' | 'width' | 'height';

interface NumberFieldProps {
  readonly of: NumberKey;
  readonly label: string;
  readonly tip: string;
  readonly most?: number;
  readonly step?: number;
}

function NumberField({ of, label, tip, most, step = 1 }: NumberFieldProps) {
  const bounds = of === 'width' || of === 'height' ? ([16, 4096] as const) : BOUNDS[of];
  return (
    <label class="field" title={tip}>
      <span>{label}</span>
      <input
        type="number"
        min={bounds[0]}
        max={most ?? bounds[1]}
        step={step}
        value={draft.value[of]}
        onChange={(event) => {
          const value = event.currentTarget.valueAsNumber;
          if (Number.isFinite(value)) setDraft({ [of]: value });
          event.currentTarget.value = String(draft.value[of]);
        }}
      />
    </label>
  );
}

export function SettingsForm() {
  const { width, height, guidancePrompt, guidanceSchedule } = draft.value;
  return (
    <div class="settings-grid">
      <NumberField
        of="iterations"
        label="Iterations"
        most={tokensOf(width, height)}
        tip="Rounds in which the picture is filled in. More take longer and usually look better."
      />
      <NumberField
        of="guidance"
        label="Guidance"
        step={0.1}
        tip="How strongly the words count; 1 turns guidance off."
      />
      <label class="field" title="Whether guidance is the same in all iterations or grows.">
        <span>Guidance schedule</span>
        <select
          value={guidanceSchedule}
          onChange={(event) =>
            setDraft({ guidanceSchedule: event.currentTarget.value === 'linear' ? 'linear' : 'constant' })
          }
        >
          <option value="constant">constant</option>
          <option value="linear">linear</option>
        </select>
      </label>
      <NumberField of="temperature" label="Temperature" step={0.05} tip="Strength of the noise that is sampled." />
      <NumberField of="timesteps" label="Timesteps" tip="Diffusion timesteps of each square." />
      <NumberField of="count" label="How many" tip="Pictures of seeds that follow each other." />
      <NumberField of="width" label="Width" step={16} tip="Pixels, a multiple of 16." />
      <NumberField of="height" label="Height" step={16} tip="Pixels, a multiple of 16." />
      <label class="field span">
        <span>Guidance prompt</span>
        <input
          type="text"
          maxLength={LONGEST_PROMPT}
          aria-label="Guidance prompt"
          aria-describedby="guidance-prompt-tip"
          value={guidancePrompt}
          onChange={(event) => setDraft({ guidancePrompt: event.currentTarget.value })}
        />
        <small id="guidance-prompt-tip">
          What the picture is led away from: the words of the branch without your prompt. It is no list of things to
          avoid.
        </small>
      </label>
      <label class="check span">
        <input
          type="checkbox"
          checked={showPreviews.value}
          onChange={(event) => (showPreviews.value = event.currentTarget.checked)}
        />
        Show the picture after each iteration
      </label>
      <Presets />
      <button
        type="button"
        class="quiet"
        onClick={() => setDraft({ ...defaults.value, prompt: draft.value.prompt, seed: draft.value.seed })}
      >
        Reset to the model’s own
      </button>
    </div>
  );
}

function Presets() {
  const [name, setName] = useState('');
  const save = () => {
    presets.value = savePreset(presets.value, name, draft.value);
    setName('');
  };
  return (
    <div class="presets span" role="group" aria-label="Presets">
      {presets.value.map((preset) => (
        <span class="preset" key={preset.name}>
          <button type="button" class="chip" onClick={() => (draft.value = applyPreset(draft.value, preset))}>
            {preset.name}
          </button>
          <IconButton
            of={Trash2}
            name={`Delete preset ${preset.name}`}
            onClick={() => (presets.value = removePreset(presets.value, preset.name))}
          />
        </span>
      ))}
      <span class="preset">
        <input
          type="text"
          aria-label="Name of a new preset"
          placeholder="Name these settings"
          maxLength={60}
          value={name}
          onInput={(event) => setName(event.currentTarget.value)}
          onKeyDown={(event) => {
            if (event.key !== 'Enter') return;
            event.preventDefault();
            save();
          }}
        />
        <IconButton of={Save} name="Save preset" disabled={name.trim() === ''} onClick={save} />
      </span>
    </div>
  );
}
