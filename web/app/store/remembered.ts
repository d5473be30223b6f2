/** Small things a page remembers in localStorage: each a signal that writes itself back. What was stored is checked by `read`. */
import { type Signal, effect, signal } from '@preact/signals';

export function remembered<T>(key: string, read: (stored: unknown) => T): Signal<T> {
  const name = `overtone.${key}`;
  const value = signal(read(stored(name)));
  effect(() => {
    const text = JSON.stringify(value.value);
    try {
      localStorage.setItem(name, text);
    } catch {
      // full or forbidden: it lives as long as the page
    }
  });
  return value;
}

function stored(name: string): unknown {
  try {
    return JSON.parse(localStorage.getItem(name) ?? 'null') as unknown;
  } catch {
    return null;
  }
}
