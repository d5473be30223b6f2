/** The Python names that may stand in a PyTorch checkpoint, and the sentence for those that may not. */
import { FileError } from '../errors.ts';
import type { NameUse } from './pickle.ts';
import type { PlainDtype } from './stored_dtype.ts';

/** Storage classes whose elements can be read. */
export const STORAGES: ReadonlyMap<string, PlainDtype> = new Map<string, PlainDtype>([
  ['torch FloatStorage', 'F32'],
  ['torch DoubleStorage', 'F64'],
  ['torch HalfStorage', 'F16'],
  ['torch BFloat16Storage', 'BF16'],
  ['torch LongStorage', 'I64'],
  ['torch IntStorage', 'I32'],
  ['torch ShortStorage', 'I16'],
  ['torch CharStorage', 'I8'],
  ['torch ByteStorage', 'U8'],
  ['torch BoolStorage', 'BOOL'],
]);
/** A storage of bare bytes: the dtype comes with the tensor. */
export const UNTYPED = 'torch.storage UntypedStorage';

/** `torch.float32` and the others, as tensors on untyped storages name them. */
export const DTYPES: ReadonlyMap<string, PlainDtype> = new Map<string, PlainDtype>([
  ['torch float32', 'F32'],
  ['torch float64', 'F64'],
  ['torch float16', 'F16'],
  ['torch bfloat16', 'BF16'],
  ['torch int64', 'I64'],
  ['torch int32', 'I32'],
  ['torch int16', 'I16'],
  ['torch int8', 'I8'],
  ['torch uint8', 'U8'],
  ['torch bool', 'BOOL'],
]);

const USES = new Map<string, NameUse>([
  ['collections OrderedDict', 'dict'],
  ['torch._utils _rebuild_tensor', 'call'],
  ['torch._utils _rebuild_tensor_v2', 'call'],
  ['torch._utils _rebuild_tensor_v3', 'call'],
  ['torch._utils _rebuild_parameter', 'call'],
  ['torch._utils _rebuild_parameter_with_state', 'call'],
  ['torch device', 'opaque'],
  ['torch Size', 'opaque'],
  ['_codecs encode', 'opaque'],
  ['numpy.core.multiarray scalar', 'opaque'],
  ['numpy._core.multiarray scalar', 'opaque'],
  ['numpy dtype', 'object'],
  ['argparse Namespace', 'object'],
]);
for (const name of [...STORAGES.keys(), UNTYPED, ...DTYPES.keys()]) USES.set(name, 'value');

const CURE = 'save only model.state_dict(), as plain tensors, and try again';

/** What a name in the pickle of `file` may be used for; throws FileError for any name that is not on the short lists. */
export function torchNameUse(file: string, name: string): NameUse {
  const use = USES.get(name);
  if (use) return use;
  const dotted = name.slice(0, 200).replace(' ', '.');
  const [module, member = ''] = name.split(' ');
  if (
    module === 'torch' &&
    /^(Q\w+|Complex\w*|Float8\w*)Storage$|^(float8|float4|q?u?int|complex|bits)\w*$/.test(member)
  )
    throw new FileError(`${file}: elements of type ${dotted} cannot be read; ${CURE} in float32, float16 or bfloat16.`);
  if (/^torch\._(utils|tensor)$/.test(module) || /^_rebuild/.test(member))
    throw new FileError(
      `${file}: tensors made by ${dotted} (quantised, sparse or a subclass) cannot be read; ${CURE} in float32, float16 or bfloat16.`,
    );
  throw new FileError(
    `${file} needs the Python name ${dotted}, as a whole saved module or a training state does, and is never run; ${CURE}.`,
  );
}
