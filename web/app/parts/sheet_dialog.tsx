/** Asks for a sheet: which settings run over which values. */
import { useState } from 'preact/hooks';
import { SHEET_AXES, type SheetAxis, type SheetAxisName, valuesOf } from '../logic/sheet.ts';
import { enqueue } from '../queue_runner.ts';
import { DialogFrame, closeDialog } from './dialog_frame.tsx';

const NAMES = Object.keys(SHEET_AXES) as SheetAxisName[];

export function SheetDialog() {
  const [columns, setColumns] = useState({ name: 'cfg' as SheetAxisName, text: '1, 3, 5' });
  const [rows, setRows] = useState({ name: 'temperature' as SheetAxisName | '', text: '0.8, 1' });
  const [problem, setProblem] = useState('');
  const make = () => {
    const across = axisOf(columns.name, columns.text);
    const down = rows.name === '' ? undefined : axisOf(rows.name, rows.text);
    if (typeof across === 'string') return setProblem(across);
    if (typeof down === 'string') return setProblem(down);
    if (down?.name === across.name) return setProblem('Rows and columns must be two settings.');
    enqueue({ sheet: { columns: across, rows: down } });
    closeDialog();
  };
  const number = [columns, ...(rows.name === '' ? [] : [rows])].reduce(
    (product, { text }) => product * text.split(/[,;\s]+/).filter(Boolean).length,
    1,
  );
  return (
    <DialogFrame title="Sheet over two settings">
      <form
        onSubmit={(event) => {
          event.preventDefault();
          make();
        }}
      >
        <p>One picture for each pair of values, with labels. Everything else is as in the form.</p>
        <AxisFields
          label="Columns"
          name={columns.name}
          text={columns.text}
          onChange={(name, text) => setColumns({ name: name || 'cfg', text })}
        />
        <AxisFields
          label="Rows"
          name={rows.name}
          text={rows.text}
          optional
          onChange={(name, text) => setRows({ name, text })}
        />
        {problem && (
          <p class="warning" role="alert">
            {problem}
          </p>
        )}
        <div class="dialog-actions">
          <button type="submit" class="primary">
            Make {number} {number === 1 ? 'picture' : 'pictures'}
          </button>
        </div>
      </form>
    </DialogFrame>
  );
}

function axisOf(name: SheetAxisName, text: string): SheetAxis | string {
  const values = valuesOf(name, text);
  return typeof values === 'string' ? values : { name, values };
}

interface AxisFieldsProps {
  readonly label: string;
  readonly name: SheetAxisName | '';
  readonly text: string;
  readonly optional?: boolean;
  readonly onChange: (name: SheetAxisName | '', text: string) => void;
}

function AxisFields({ label, name, text, optional, onChange }: AxisFieldsProps) {
  return (
    <div class="axis">
      <label class="field">
        <span>{label}</span>
        <select value={name} onChange={(event) => onChange(event.currentTarget.value as SheetAxisName | '', text)}>
          {optional && <option value="">none</option>}
          {NAMES.map((each) => (
            <option key={each} value={each}>
              {SHEET_AXES[each].label}
            </option>
          ))}
        </select>
      </label>
      {name !== '' && (
        <label class="field">
          <span>Values</span>
          <input
            type="text"
            maxLength={200}
            aria-label={`${label}: values`}
            value={text}
            onInput={(event) => onChange(name, event.currentTarget.value)}
          />
        </label>
      )}
    </div>
  );
}
