/** Icons of Lucide, drawn in place. They say nothing by themselves: their button has the name. */
import type { IconNode } from 'lucide';
import { h } from 'preact';

export function Icon({ of, size = 18 }: { of: IconNode; size?: number }) {
  return (
    <svg
      class="icon"
      width={size}
      height={size}
      viewBox="0 0 24 24"
      fill="none"
      stroke="currentColor"
      stroke-width="1.75"
      stroke-linecap="round"
      stroke-linejoin="round"
      aria-hidden="true"
    >
      {of.map(([tag, attributes], i) => h(tag, { ...attributes, key: i }))}
    </svg>
  );
}

interface IconButtonProps {
  readonly of: IconNode;
  readonly name: string;
  readonly keys?: string;
  readonly pressed?: boolean;
  readonly disabled?: boolean;
  readonly class?: string;
  readonly onClick: () => void;
}

/** A button that shows an icon only; its name is its label and its tip. */
export function IconButton({ of, name, keys, pressed, disabled, class: more = '', onClick }: IconButtonProps) {
  return (
    <button
      type="button"
      class={`icon-button ${more}`}
      aria-label={name}
      title={keys ? `${name} (${keys})` : name}
      aria-pressed={pressed}
      aria-keyshortcuts={keys && /^[A-Z]$/.test(keys) ? keys : undefined}
      disabled={disabled}
      onClick={onClick}
    >
      <Icon of={of} />
    </button>
  );
}
