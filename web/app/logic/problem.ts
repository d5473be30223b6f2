/** What went wrong, in plain words with what to do about it. The errors of the library are sentences already; their subject in brackets goes. */

export interface Problem {
  readonly title: string;
  readonly text: string;
}

/** An error of any kind as a person reads it. */
export function problemOf(error: unknown): Problem {
  const { code, kind, message, name } = (error ?? {}) as Partial<Record<'code' | 'kind' | 'message' | 'name', string>>;
  const said = (message ?? String(error)).slice(0, 600);
  const text = sentence(said);
  if (kind === 'no-adapter') return { title: 'This browser gives no GPU', text };
  if (kind === 'out-of-memory' || /out of memory/i.test(said))
    return { title: 'Not enough GPU memory', text: `${text} A smaller size or fewer pictures at once need less.` };
  if (kind === 'lost') return { title: 'The GPU was taken away', text };
  if (code === 'worker') return { title: 'The worker stopped', text };
  if (code === 'file') return { title: 'This file cannot be used', text };
  if (code === 'storage' || name === 'QuotaExceededError')
    return {
      title: 'The browser’s storage is full',
      text:
        code === 'storage' ? text : 'Delete pictures from the history or models from the models panel, then try again.',
    };
  if (name === 'TypeError' && /fetch|network/i.test(said))
    return { title: 'No connection', text: 'What is needed has not been loaded before: connect, then try again.' };
  return { title: 'That did not work', text };
}

/** `[linear] weight must …` without its subject, with a capital and a full stop. */
export function sentence(message: string): string {
  const plain = message.replace(/^\[[^\]]*\] /, '');
  const upper = plain.charAt(0).toUpperCase() + plain.slice(1);
  return /[.!?…]$/.test(upper) ? upper : `${upper}.`;
}
