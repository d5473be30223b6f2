/**
 * How a picture was made, as its file remembers it: a versioned record that is enough to make it again, and the `parameters` text that
 * other picture tools show. Records of files may come from anyone and are checked when they are read.
 */
import { FileError } from '../engine/index.ts';
import { VERSION } from '../version.ts';
import type { GuidanceSchedule } from './schedule.ts';

export interface PictureRecord {
  readonly prompt: string;
  /** Of the first picture. */
  readonly seed: number;
  /** Pixels of one picture, width and height. */
  readonly imageSize: readonly [width: number, height: number];
  /** n×n pictures in the file. */
  readonly gridSize: number;
  readonly iterations: number;
  readonly guidance: number;
  readonly guidanceSchedule: GuidanceSchedule;
  readonly guidancePrompt: string;
  readonly temperature: number;
  readonly timesteps: number;
  /** What was made anew of another picture, which the record does not hold. */
  readonly edit?: EditRecord;
  /** The axes of a labelled sheet, such as `cfg=1,3,5`, columns first. */
  readonly sweep?: readonly string[];
  readonly model: ModelIdentity;
  /** The adapter in words: another one may differ in the last bits. */
  readonly adapter: string;
}

/** An edit, its squares of 16 pixels row by row: `#` for those under the mask, `.` for others. */
export interface EditRecord {
  /** The picture that was edited; records of the first versions do not have it. */
  readonly picture?: EditedPicture;
  readonly mask?: readonly string[];
  readonly variation?: number;
  readonly extend?: Readonly<Partial<Record<'left' | 'right' | 'top' | 'bottom', number>>>;
}

/** A picture by its pixels, as they were edited. */
export interface EditedPicture {
  /** Of its RGB bytes. */
  readonly sha256: string;
  readonly width: number;
  readonly height: number;
}

/** Which weights, in which form. */
export interface ModelIdentity {
  readonly name: string;
  /** `modelHash` of the weights. */
  readonly hash: string;
  /** Dtype of most of the weights, such as `bf16`, or what they are quantised to. */
  readonly weights: string;
}

/** Version of the record's keys. */
const KEYS = 1;

const SOFTWARE = `overtone-gpu ${VERSION}`;

/** The PNG keywords of the record and of the text for other tools. */
export const RECORD_KEYWORD = 'overtone';
export const PARAMETERS_KEYWORD = 'parameters';

/** The record as JSON, its version first. */
export function recordJson(record: PictureRecord): string {
  return JSON.stringify({ overtone: KEYS, software: SOFTWARE, ...settingsOf(record) });
}

/** What makes one picture differ from another, under the names of the command line. */
export function settingsOf({ model, ...record }: PictureRecord) {
  return {
    prompt: record.prompt,
    seed: record.seed,
    image_size: record.imageSize,
    grid_size: record.gridSize,
    iterations: record.iterations,
    cfg: record.guidance,
    cfg_schedule: record.guidanceSchedule,
    cfg_prompt: record.guidancePrompt,
    temperature: record.temperature,
    timesteps: record.timesteps,
    edit: record.edit,
    sweep: record.sweep,
    model: { name: model.name, hash: model.hash, weights: model.weights },
    adapter: record.adapter,
  };
}

/** Whether two records lead to the same picture, up to the last bits of another adapter. */
export function isSamePicture(a: PictureRecord, b: PictureRecord): boolean {
  const key = (record: PictureRecord) => JSON.stringify(settingsOf({ ...record, adapter: '' }));
  return key(a) === key(b);
}

/** The text that web interfaces of other models write and read. */
export function parametersText(record: PictureRecord): string {
  const { imageSize, model } = record;
  const fields = [
    `Steps: ${record.iterations}`,
    'Sampler: Harmon',
    `Schedule type: ${record.guidanceSchedule} guidance`,
    `CFG scale: ${record.guidance}`,
    `Seed: ${record.seed}`,
    `Size: ${imageSize[0]}x${imageSize[1]}`,
    `Model hash: ${model.hash.slice(0, 10)}`,
    `Model: ${/[,:"\n]/.test(model.name) ? JSON.stringify(model.name) : model.name}`,
    `Temperature: ${record.temperature}`,
    `Diffusion steps: ${record.timesteps}`,
    ...(record.sweep ? [`Sweep: ${JSON.stringify(record.sweep.join('; '))}`] : []),
    `Version: ${SOFTWARE}`,
  ];
  return `${record.prompt}\n${fields.join(', ')}`;
}

/** Reads a record's JSON. `name` names the file in errors. @throws FileError for one that is broken or of a later version. */
export function parseRecord(text: string, name: string): PictureRecord {
  const refuse = (must: string): never => {
    throw new FileError(`${name}: cannot tell how it was made: ${must}`);
  };
  let json: unknown;
  try {
    json = JSON.parse(text);
  } catch {
    return refuse('its record is no JSON');
  }
  const root = objectOf(json) ?? refuse('its record is no JSON object');
  const version = root['overtone'];
  if (version !== KEYS)
    return refuse(
      `its record is of version ${typeof version === 'number' ? version : 'unknown'} and this is for version ${KEYS}: update`,
    );
  const read = <T>(from: Record<string, unknown>, key: string, is: (value: unknown) => value is T): T => {
    const value = Object.hasOwn(from, key) ? from[key] : undefined;
    return is(value) ? value : refuse(`its record has no usable ${key}`);
  };
  const model = read(root, 'model', isObject);
  const isEdit = root['edit'] !== undefined;
  const record: PictureRecord = {
    prompt: read(root, 'prompt', isText),
    seed: read(root, 'seed', isCount(0)),
    imageSize: read(root, 'image_size', isEdit ? isAnySize : isSize),
    gridSize: read(root, 'grid_size', isCount(1, 16)),
    iterations: read(root, 'iterations', isCount(1, 65536)),
    guidance: read(root, 'cfg', isNumber),
    guidanceSchedule: read(root, 'cfg_schedule', isSchedule),
    guidancePrompt: read(root, 'cfg_prompt', isText),
    temperature: read(root, 'temperature', isNumber),
    timesteps: read(root, 'timesteps', isCount(2, 1000)),
    ...(isEdit && { edit: editRecord(read(root, 'edit', isObject), read) }),
    ...(root['sweep'] === undefined ? {} : { sweep: read(root, 'sweep', isTexts) }),
    model: {
      name: read(model, 'name', isText),
      hash: read(model, 'hash', isText),
      weights: read(model, 'weights', isText),
    },
    adapter: read(root, 'adapter', isText),
  };
  return record;
}

type Read = <T>(from: Record<string, unknown>, key: string, is: (value: unknown) => value is T) => T;

function editRecord(edit: Record<string, unknown>, read: Read): EditRecord {
  const has = (key: string) => edit[key] !== undefined;
  const sides = has('extend') ? read(edit, 'extend', isObject) : {};
  const extend = Object.keys(sides).map((side) => [side, read(sides, side, isCount(0, 256))]);
  return {
    ...(has('picture') && { picture: editedPicture(read(edit, 'picture', isObject), read) }),
    ...(has('mask') && { mask: read(edit, 'mask', isRows) }),
    ...(has('variation') && { variation: read(edit, 'variation', isNumber) }),
    ...(has('extend') && { extend: Object.fromEntries(extend) as EditRecord['extend'] }),
  };
}

const editedPicture = (picture: Record<string, unknown>, read: Read): EditedPicture => ({
  sha256: read(picture, 'sha256', isSha256),
  width: read(picture, 'width', isCount(1, 65535)),
  height: read(picture, 'height', isCount(1, 65535)),
});

const isText = (value: unknown): value is string => typeof value === 'string';
const isSha256 = (value: unknown): value is string => isText(value) && /^[\da-f]{64}$/.test(value);
const isTexts = (value: unknown): value is string[] =>
  Array.isArray(value) && value.length >= 1 && value.length <= 2 && value.every(isText);
const isNumber = (value: unknown): value is number => typeof value === 'number' && Number.isFinite(value);
const isSchedule = (value: unknown): value is GuidanceSchedule => value === 'constant' || value === 'linear';
const isCount =
  (least: number, most = Number.MAX_SAFE_INTEGER) =>
  (value: unknown): value is number =>
    Number.isInteger(value) && (value as number) >= least && (value as number) <= most;
const isSize = (value: unknown): value is [number, number] =>
  Array.isArray(value) && value.length === 2 && value.every((side) => isCount(16, 4096)(side) && side % 16 === 0);
const isAnySize = (value: unknown): value is [number, number] =>
  Array.isArray(value) && value.length === 2 && value.every(isCount(1, 65535));
const isRows = (value: unknown): value is string[] =>
  Array.isArray(value) && value.length <= 256 && value.every((row) => isText(row) && /^[#.]{1,256}$/.test(row));
const objectOf = (value: unknown): Record<string, unknown> | undefined => (isObject(value) ? value : undefined);
function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
