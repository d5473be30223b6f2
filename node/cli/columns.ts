/** Tables for people: columns as wide as what stands in them. */

export interface Column<T> {
  readonly head: string;
  readonly text: (row: T) => string;
  readonly align?: 'left' | 'right';
}

/** Lines of a table: heads, then one line a row; numbers to the right. */
export function table<T>(rows: readonly T[], columns: readonly Column<T>[]): string {
  const cells = [columns.map((c) => c.head), ...rows.map((row) => columns.map((c) => c.text(row)))];
  const widths = columns.map((_, i) => Math.max(...cells.map((line) => line[i].length)));
  const pad = (text: string, i: number) =>
    columns[i].align === 'left' ? text.padEnd(widths[i]) : text.padStart(widths[i]);
  return cells.map((line) => line.map(pad).join('  ').trimEnd()).join('\n');
}

/** Three significant digits at most, none after the point from 100 up: 0.0123, 4.56, 789, 12345. */
export function digits(value: number): string {
  if (!Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  if (size >= 99.95) return String(Math.round(value));
  if (size < 0.001) return value === 0 ? '0' : value.toExponential(1);
  return value
    .toPrecision(size < 0.01 ? 2 : 3)
    .replace(/(\.\d*?)0+$/, '$1')
    .replace(/\.$/, '');
}
