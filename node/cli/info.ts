/** `overtone info`: the adapter, or what is in a file: how a picture was made, which weights a checkpoint holds and what it lacks. */
import { stat } from 'node:fs/promises';
import { FileError } from '../../src/engine/index.ts';
import { openDevice } from '../device.ts';
import { fileSource } from '../files.ts';
import { hubNameText, isHubName, parseHubName } from '../hub/name.ts';
import { type Sum, type WeightReport, inspectWeights } from '../inspect.ts';
import { readPictureText } from '../picture_text.ts';
import { formatOf } from '../pictures.ts';
import { VERSION } from '../../src/version.ts';
import { settingsOf } from '../../src/harmon/record.ts';
import { readPictureFile } from './input.ts';
import { type Step, megabytes } from './progress.ts';
import type { Context } from './session.ts';
import { shellWord, visible, visibleLines } from './wording.ts';

export interface InfoOptions {
  /** A picture, a file of weights or a folder; the adapter without. */
  readonly path?: string;
  /** Every tensor by name. */
  readonly tensors?: boolean;
  /** Every value of the weights is read: CRCs, and numbers that are finite. */
  readonly check?: boolean;
  readonly json?: boolean;
}

export async function info(options: InfoOptions, context: Context): Promise<void> {
  const { path, json } = options;
  if (path === undefined) return aboutAdapter(context, json);
  if (isHubName(path)) return aboutHub(path, options, context);
  const kind = path === '-' ? undefined : await stat(path).catch(() => undefined);
  if (path === '-' || (kind?.isFile() && (await isPicture(path)))) return aboutPicture(path, context, json);
  const paths = kind?.isDirectory() ? { model: path } : { checkpoint: path };
  const { progress, signal } = context;
  let step: Step | undefined;
  const onCheck = (done: number, total: number) => (step ??= progress.step('Checking', total, megabytes)).update(done);
  const report = await inspectWeights(paths, signal, options.check ? onCheck : undefined);
  progress.stop();
  aboutWeights(report, options, context);
}

/** What a hub has of a model, which is not fetched for that; where all of it is here, also what it holds. */
async function aboutHub(path: string, options: InfoOptions, context: Context): Promise<void> {
  const { hubContents } = await import('../hub/download.ts');
  const { localPaths } = await import('../hub/paths.ts');
  const { print, signal, note } = context;
  const name = parseHubName(path, 'the name', 'either');
  const { commit, files } = await hubContents(name, { signal, onNote: note });
  const isWhole = files.every(({ isHere }) => isHere);
  const isWeights = name.file === undefined || /\.(pth|ckpt|safetensors)$/.test(name.file);
  const pinned = { ...name, revision: commit };
  const report =
    isWhole && isWeights
      ? await inspectWeights(
          await localPaths(
            name.file === undefined ? { model: hubNameText(pinned) } : { checkpoint: hubNameText(pinned) },
            { signal },
          ),
          signal,
        )
      : undefined;
  const bytes = (list: typeof files) => list.reduce((sum, file) => sum + file.bytes, 0);
  const here = files.filter(({ isHere }) => isHere);
  if (options.json) {
    const list = files.map(({ name: file, bytes: size, isHere }) => ({ name: file, bytes: size, here: isHere }));
    return print(`${JSON.stringify({ hub: { repo: name.repo, commit, files: list }, ...report })}\n`);
  }
  const line = (label: string, text: string) => print(`${label.padEnd(9)} ${visible(text)}\n`);
  line('Hub', `${name.repo}, commit ${commit}`);
  for (const file of files) line('', `${file.name}, ${megabytes(file.bytes)}${file.isHere ? ', here' : ''}`);
  line('Here', `${megabytes(bytes(here))} of ${megabytes(bytes(files))}`);
  if (report) aboutWeights(report, options, context);
}

async function isPicture(path: string): Promise<boolean> {
  const source = await fileSource(path);
  try {
    return ['PNG', 'JPEG', 'WebP', 'GIF', 'TIFF'].includes(formatOf(await source.read(0, Math.min(16, source.size))));
  } finally {
    await source.close();
  }
}

/** Numbers that decide what fits and how fast it is; the others are in the JSON. */
const LIMITS = [
  'maxBufferSize',
  'maxStorageBufferBindingSize',
  'maxStorageBuffersPerShaderStage',
  'maxComputeInvocationsPerWorkgroup',
  'maxComputeWorkgroupStorageSize',
] as const;

async function aboutAdapter({ print }: Context, json: boolean | undefined): Promise<void> {
  const device = await openDevice();
  try {
    const limits: Record<string, number> = {};
    for (const name in device.limits) {
      const value: unknown = device.limits[name as keyof GPUSupportedLimits];
      if (typeof value === 'number') limits[name] = value;
    }
    const features = [...device.features].sort();
    const adapter = device.description;
    const versions = { overtone: VERSION, node: process.versions.node };
    if (json) return print(`${JSON.stringify({ ...versions, adapter, features, limits })}\n`);
    print(`Overtone  ${versions.overtone} on Node ${versions.node}\nAdapter   ${adapter}\n`);
    print(`Features  ${features.join(', ') || 'none beyond WebGPU itself'}\n`);
    for (const name of LIMITS) print(`${name === LIMITS[0] ? 'Limits' : ''}`.padEnd(10) + `${name} ${limits[name]}\n`);
  } finally {
    device.destroy();
  }
}

async function aboutPicture(path: string, { print, signal }: Context, json: boolean | undefined): Promise<void> {
  const { bytes, name } = await readPictureFile(path, signal);
  const { record, parameters } = readPictureText(bytes, name);
  if (!record && parameters === undefined)
    throw new FileError(`${name}: a picture with no record of how it was made (${formatOf(bytes)})`);
  if (json) return print(`${JSON.stringify({ file: name, record: record && settingsOf(record), parameters })}\n`);
  if (!record) return print(`Made by another tool, which wrote:\n${visibleLines(parameters!.slice(0, 10_000))}\n`);
  const { prompt, model, adapter, ...settings } = settingsOf(record);
  const line = (label: string, text: string) => print(`${label.padEnd(13)} ${visible(text)}\n`);
  line('Prompt', prompt);
  for (const [key, value] of Object.entries(settings)) if (value !== undefined) line(key, textOf(value));
  line('Model', `${model.name} ${model.hash.slice(0, 10)}, weights in ${model.weights}`);
  line('Adapter', adapter);
  if (name === 'stdin') return;
  const remake = record.edit
    ? `edit --from ${shellWord(name)} --image THE-PICTURE-THAT-WAS-EDITED`
    : `text2image --from ${shellWord(name)}`;
  line('Remake', `overtone ${remake}`);
}

function textOf(value: unknown): string {
  if (Array.isArray(value)) return value.join(' ');
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function aboutWeights(report: WeightReport, { tensors, json, check }: InfoOptions, { print }: Context): void {
  if (json) return print(`${JSON.stringify(check ? { ...report, checked: true } : report)}\n`);
  const line = (label: string, text: string) => print(`${label.padEnd(9)} ${visible(text)}\n`);
  const sums = (of: Readonly<Record<string, Sum>>) =>
    Object.entries(of)
      .map(([key, { tensors: count, bytes }]) => `${key} ${count} (${megabytes(bytes)})`)
      .join(', ');
  line('File', `${report.name} (${report.format})`);
  line('Tensors', `${report.tensors.length}, ${megabytes(report.bytes)}`);
  line('Dtypes', sums(report.dtypes));
  line('Parts', sums(report.parts));
  if (check) line('Checked', 'every value is finite');
  line('Model', modelText(report));
  if (report.planned) line('Planned', plannedText(report.planned));
  for (const [label, names] of [
    ['Missing', report.missing],
    ['Misshapen', report.misshapen],
    ['Unknown', report.unknown],
    ['Unused', report.unused],
  ] as const)
    if (names.length) line(label, `${names.length}: ${missingText(names, label)}`);
  if (tensors)
    for (const { name, dtype, shape, bytes } of report.tensors)
      print(`${visible(name)}  ${dtype} [${shape.join(', ')}]  ${bytes}\n`);
}

function plannedText({ side, weights, state, activations, largest }: NonNullable<WeightReport['planned']>): string {
  const parts = `weights ${megabytes(weights)}, caches ${megabytes(state)}, activations ${megabytes(activations)}`;
  return `${megabytes(weights + state + activations)} on the device for one picture of ${side}×${side}: ${parts}; no buffer above ${megabytes(largest)}`;
}

function modelText({ model, isVae, missing, misshapen }: WeightReport): string {
  if (model === undefined) return 'none that is known';
  const state = missing.length + misshapen.length ? 'not complete' : 'complete';
  if (isVae) return `the VAE of ${model === 'harmon-tiny' ? model : 'harmon-0.5b and harmon-1.5b'}, ${state}`;
  return `${model}, ${state}`;
}

const SHOWN = 4;

/** A whole VAE that is missing is one thing, not 312. */
function missingText(names: readonly string[], label: string): string {
  if (label === 'Missing' && names.every((name) => name.startsWith('vae.')) && names.length > 100)
    return 'the VAE, which comes in a file of its own: kl16.ckpt, with --vae';
  const more = names.length > SHOWN ? `, and ${names.length - SHOWN} more` : '';
  return `${names.slice(0, SHOWN).join(', ')}${more}`;
}
