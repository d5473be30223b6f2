/** Records on disk. */
import { readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import { reasonOf, tryBytes } from '../node/files.ts';
import { FileError } from '../src/engine/index.ts';
import type { BenchRecord, Row } from './record.ts';

/** Reads a record. @throws FileError for a file that is missing or holds something else. */
export async function readRecord(path: string): Promise<BenchRecord> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (cause) {
    throw new FileError(`${path}: cannot be read: ${reasonOf(cause)}`, { cause });
  }
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch (cause) {
    throw new FileError(`${path}: must be the JSON of a benchmark but ${(cause as Error).message}`, { cause });
  }
  if (!isRecord(json))
    throw new FileError(`${path}: must be the JSON of a benchmark but lacks its rows: make one with --json`);
  return json;
}

function isRecord(json: unknown): json is BenchRecord {
  const { rows, calibration, phases } = (json ?? {}) as Partial<BenchRecord>;
  const isRow = (row: Partial<Row> | null) =>
    typeof row?.op === 'string' && typeof row.ms === 'number' && typeof row.share === 'number';
  return Array.isArray(rows) && rows.every(isRow) && Array.isArray(phases) && typeof calibration?.f32 === 'number';
}

/** Makes sure, before the work, that a file can be written there. @throws FileError. */
export async function checkWritable(path: string): Promise<void> {
  try {
    await tryBytes(dirname(path), 1);
  } catch (cause) {
    throw new FileError(`${path}: cannot be written: ${reasonOf(cause)}`, { cause });
  }
}

export const recordText = (record: BenchRecord): string => `${JSON.stringify(record, rounded, 1)}\n`;

/** Five digits say all that a measurement does. */
const rounded = (_: string, value: unknown) =>
  typeof value === 'number' && !Number.isInteger(value) ? Number(value.toPrecision(5)) : value;
