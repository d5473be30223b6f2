/**
 * What a Harmon checkpoint must hold: the declared tensors against the file's, in one report; the VAE's file joined to the model's; and
 * which published configuration a file's shapes belong to. Names are the checkpoint's own, untranslated.
 */
import { FileError, type TensorFile, joinTensorFiles, renameTensors, toFloat32 } from '../engine/index.ts';

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
    else if (!/^(B?F|Q)/.test(entry.dtype))
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

/**
 * The model with the tensors of another file in place of its own, as a fine-tuned part is published. Those that inference does not use are
 * passed over. @throws FileError for a tensor that the model has not, or has in another shape.
 */
export function overlayTensors(model: TensorFile, overlay: TensorFile): TensorFile {
  const used = renameTensors(overlay, (name) => (UNUSED_TENSORS.test(name) ? undefined : name));
  for (const { name, shape } of used.tensors.values()) {
    const own = model.tensors.get(name);
    if (own?.shape.join() === shape.join()) continue;
    const what = own ? `is [${own.shape.join(', ')}] there and [${shape.join(', ')}] here` : 'is not there';
    throw new FileError(
      `${overlay.name}: must hold tensors of ${model.name} to replace but ${name} ${what}: choose the file that it was trained from`,
    );
  }
  if (used.tensors.size === 0)
    throw new FileError(`${overlay.name}: must hold tensors of ${model.name} to replace but has none that it uses`);
  return joinTensorFiles([model, used]);
}

const EMBEDDING = 'llm.model.embed_tokens.weight';
const HEAD = 'llm.lm_head.weight';

/**
 * An output layer of its own must be the embedding again, which stands for it here: the first, middle and last row are compared.
 * @throws FileError, AbortError.
 */
export async function checkTied(file: TensorFile, signal?: AbortSignal): Promise<void> {
  const [head, embedding] = [file.tensors.get(HEAD), file.tensors.get(EMBEDDING)];
  if (!head || !embedding || head.shape.join() !== embedding.shape.join() || !/^B?F/.test(head.dtype)) return;
  const [rows] = head.shape;
  for (const row of new Set([0, rows >> 1, rows - 1])) {
    const values = [HEAD, EMBEDDING].map(async (name) =>
      toFloat32(await file.read(name, { rows: [row, 1], signal }), file.tensors.get(name)!.dtype),
    );
    const [a, b] = await Promise.all(values);
    if (a.some((value, i) => value !== b[i]))
      throw new FileError(
        `${file.name}: ${HEAD} must be ${EMBEDDING}, as Harmon ties them, but row ${row} differs: take the checkpoint as it was published`,
      );
  }
}

/** The configuration whose text embedding has the file's shape; undefined when none has. */
export function recognise(file: TensorFile): 'tiny' | '0.5b' | '1.5b' | undefined {
  const shape = file.tensors.get('llm.model.embed_tokens.weight')?.shape.join('x');
  if (shape === '511x192') return 'tiny';
  if (shape === '151936x896') return '0.5b';
  if (shape === '151936x1536') return '1.5b';
  return undefined;
}
