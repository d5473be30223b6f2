/** A sheet drawn: its pictures in rows and columns, a label over each column and beside each row. */
import type { Picture } from '../../../src/harmon/index.ts';
import { type SheetPlan, labelsOf } from '../logic/sheet.ts';
import { fromImageData, toImageData } from '../store/pixels.ts';

const GAP = 8;
const FONT = 15;

export function drawSheet(pictures: readonly Picture[], plan: SheetPlan): Picture {
  const [columns, rows] = [labelsOf(plan.columns), labelsOf(plan.rows)];
  const { width, height } = pictures[0];
  const context = new OffscreenCanvas(1, 1).getContext('2d')!;
  const font = `${FONT}px system-ui, sans-serif`;
  context.font = font;
  const widest = (labels: readonly string[]) =>
    Math.ceil(Math.max(0, ...labels.map((label) => context.measureText(label).width)));
  const left = GAP + (rows.length ? widest(rows) + GAP : 0);
  const top = FONT + 2 * GAP;
  const across = Math.max(width, widest(columns)) + GAP;
  const down = Math.max(height, FONT) + GAP;
  const [sheetWidth, sheetHeight] = [left + columns.length * across, top + Math.max(1, rows.length) * down];
  context.canvas.width = sheetWidth;
  context.canvas.height = sheetHeight;
  context.fillStyle = '#fff';
  context.fillRect(0, 0, sheetWidth, sheetHeight);
  context.fillStyle = '#000';
  context.font = font;
  context.textBaseline = 'middle';
  context.textAlign = 'center';
  columns.forEach((label, i) => context.fillText(label, left + i * across + width / 2, top / 2));
  context.textAlign = 'right';
  rows.forEach((label, i) => context.fillText(label, left - GAP, top + i * down + height / 2));
  pictures.forEach((picture, i) => {
    const [x, y] = [left + (i % columns.length) * across, top + Math.floor(i / columns.length) * down];
    context.putImageData(toImageData(picture), x, y);
  });
  return fromImageData(context.getImageData(0, 0, sheetWidth, sheetHeight));
}
