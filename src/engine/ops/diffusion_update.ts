/** diffusionUpdate(x, head, noise, coefficients, { step, branches }): one reverse diffusion step with guidance, in place. */
import { diffusionLanes, diffusionUpdateShader } from '../../../shaders/diffusion_update.ts';
import { GraphError } from '../errors.ts';
import { type Dim, ceilDiv, isDim, mul } from '../extent.ts';
import { type Op, call, checkContiguous, checkShape } from '../op.ts';
import { type Tensor, root, width } from '../tensor.ts';
import { checkFloats } from './check_floats.ts';

interface DiffusionAttrs {
  readonly step: Dim;
  readonly branches: 1 | 2;
  readonly rows: Dim;
}

const diffusionUpdateOp: Op<DiffusionAttrs> = {
  name: 'diffusion_update',
  mutates: ['x'],
  aliases: 'x',
  flops: ({ output }) => mul(16, ...output.shape),
  lower({ inputs: { x, head, noise, coefficients }, attrs }) {
    return [
      {
        label: 'diffusion_update',
        shader: diffusionUpdateShader({ guided: attrs.branches === 2 }),
        bind: {
          head: { tensor: head },
          noise: { tensor: noise },
          coefficients: { tensor: coefficients },
          x: { tensor: x },
        },
        params: { rows: attrs.rows, width: width(x), step: attrs.step },
        groups: ceilDiv(mul(attrs.rows, width(x)), diffusionLanes),
      },
    ];
  },
};

export interface DiffusionUpdateOptions {
  /** Which row of `coefficients` and `noise` this run uses. */
  readonly step: Dim;
  /** 2 with guidance: conditional rows, then unconditional ones. */
  readonly branches: 1 | 2;
  /** Rows of one branch, R. */
  readonly rows: Dim;
}

/**
 * Updates the state x (branches·R, C) from the head's output (branches·R, 2C), noise (S, R, C) and coefficients (S, 8): ra, rm, c1, c2, lmin,
 * lmax, guidance, temperature. Formula in the kernel. Returns x as it is afterwards.
 */
export function diffusionUpdate(
  x: Tensor,
  head: Tensor,
  noise: Tensor,
  coefficients: Tensor,
  options: DiffusionUpdateOptions,
): Tensor {
  checkFloats('diffusion_update', { x, head, noise, coefficients });
  const { step, branches, rows } = options;
  if ((branches !== 1 && branches !== 2) || !isDim(rows) || !isDim(step))
    throw new GraphError(
      `[diffusion_update] branches must be 1 or 2, rows and step whole numbers from 0 or extents, but they are ${String(branches)}, ${String(rows)} and ${String(step)}`,
    );
  if (root(x).role !== 'state')
    throw new GraphError(`[diffusion_update] x must be a state but ${x.name} is ${root(x).role}`);
  checkShape('diffusion_update', 'x', x, [mul(branches, rows), width(x)]);
  checkShape('diffusion_update', 'head', head, [mul(branches, rows), 2 * width(x)]);
  checkShape('diffusion_update', 'noise', noise, [noise.shape[0], rows, width(x)]);
  checkShape('diffusion_update', 'coefficients', coefficients, [noise.shape[0], 8]);
  for (const [name, t] of Object.entries({ x, head, noise, coefficients }))
    checkContiguous('diffusion_update', name, t);
  return call(diffusionUpdateOp, { x, head, noise, coefficients }, options, { shape: x.shape });
}
