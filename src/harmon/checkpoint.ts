/**
 * What a Harmon checkpoint must hold: the declared tensors against the file's, in one report; the VAE's file joined to the model's; and
 * which published configuration a file's shapes belong to. Names are the checkpoint's own, untranslated.
 */
import { FileError, type TensorFile, joinTensorFiles, renameTensors } from '../engine/index.ts';

/** A tensor that a graph needs. */
export interface DeclaredTensor {
  readonly name: string;
  readonly shape: readonly number[];
}

/** Tensors that published files may hold and inference does not use: the tied head, rotary tables, the class table, training losses. */
export const UNUSED_TENSORS =
  /^llm\.lm_head\.weight$|(^|\.)rotary_emb\.inv_freq$|^mar\.class_emb\.weight$|^(vae\.)?loss\.|^mar\.diffloss\.(train|gen)_diffusion\./;

const NAMES_SHOWN = 8;

/**
 * Compares a file with what is declared and throws one FileError that counts and names what is missing, misshapen and extra; returns
 * when nothing is. `optional` tensors may be absent; extra ones that match `ignore` (UNUSED_TENSORS if not given) are not mentioned.
 */
export function checkTensors(
  file: TensorFile,
  declared: Iterable<DeclaredTensor>,
  options: { readonly optional?: ReadonlySet<string>; readonly ignore?: RegExp } = {},
): void {
  const { optional, ignore = UNUSED_TENSORS } = options;
  const wanted = new Set<string>();
  const missing: string[] = [];
  const misshapen: string[] = [];
  for (const { name, shape } of declared) {
    if (wanted.has(name)) continue;
    wanted.add(name);
    const entry = file.tensors.get(name);
    if (!entry) {
      if (!optional?.has(name)) missing.push(name);
    } else if (entry.shape.length !== shape.length || entry.shape.some((extent, axis) => extent !== shape[axis]))
      misshapen.push(`${name} must be [${shape.join(', ')}] but is [${entry.shape.join(', ')}]`);
    else if (!/^B?F/.test(entry.dtype))
      misshapen.push(`${name} must hold floating-point numbers but holds ${entry.dtype}`);
  }
  const extra = [...file.tensors.keys()].filter((name) => !wanted.has(name) && !ignore.test(name));
  const parts: string[] = [];
  let room = NAMES_SHOWN;
  const report = (what: string, names: readonly string[]): void => {
    if (!names.length) return;
    // every kind shows at least one name, whatever the kinds before it took
    const shown = names.slice(0, Math.max(1, room));
    room -= shown.length;
    const more = names.length - shown.length;
    parts.push(`${names.length} ${what} (${shown.join('; ')}${more ? `; and ${more} more` : ''})`);
  };
  report('missing', missing);
  report('misshapen', misshapen);
  report('unknown', extra);
  if (!parts.length) return;
  throw new FileError(
    `${file.name} does not fit this model of ${wanted.size} tensors: ${parts.join(', ')}; choose the --model that it was made for, or another file.`,
  );
}

/**
 * The model's file and the VAE's as one, the VAE's names under `vae.`; VAE tensors inside the model's file, as some exports have them,
 * count over the separate file's. Without a VAE file the model's stands alone.
 */
export function joinCheckpoint(model: TensorFile, vae?: TensorFile): TensorFile {
  if (!vae) return model;
  const named = renameTensors(vae, (name) => (name.startsWith('vae.') ? name : `vae.${name}`));
  return joinTensorFiles([named, model]);
}

/** The configuration whose text embedding has the file's shape; undefined when none has. */
export function recognise(file: TensorFile): 'tiny' | '0.5b' | '1.5b' | undefined {
  const shape = file.tensors.get('llm.model.embed_tokens.weight')?.shape.join('x');
  if (shape === '511x192') return 'tiny';
  if (shape === '151936x896') return '0.5b';
  if (shape === '151936x1536') return '1.5b';
  return undefined;
}
