/** What element-by-element ops share: rows of equal width, each input its own placement, vec4s where all allow it. */
import {
  type ElementwiseOptions,
  elementwiseLanes,
  elementwiseRun,
  elementwiseShader,
} from '../../../shaders/elementwise.ts';
import { type Dim, ceilDiv, mul } from '../extent.ts';
import type { Node } from '../graph.ts';
import type { Dispatch, Limits, Op } from '../op.ts';
import { splitRows } from '../split.ts';
import { isAligned, placement, rows, width } from '../tensor.ts';

export interface ElementwiseKernel extends Pick<ElementwiseOptions, 'expression' | 'row'> {
  readonly name: string;
  readonly inputs: readonly string[];
  /** FLOPs an element. */
  readonly flops: number;
  /** Declarations for one element type. */
  readonly declare?: (type: 'f32' | 'vec4f') => string;
  readonly inner?: (node: Node) => Dim;
  /** How a node is split; without, all inputs follow the rows of the output. */
  split?<Attrs>(node: Node<Attrs>, limits: Limits): Node<Attrs>[];
}

/** An op that is one elementwise kernel. */
export function elementwiseOp<Attrs = Record<string, never>>(kernel: ElementwiseKernel): Op<Attrs> {
  return {
    name: kernel.name,
    flops: ({ output }) => mul(kernel.flops, ...output.shape),
    split: (node, limits) => kernel.split?.(node, limits) ?? splitRows(node, kernel.inputs, limits),
    lower(node): Dispatch[] {
      const { inputs, output } = node;
      const vector = width(output) % 4 === 0 && kernel.inputs.every((name) => isAligned(inputs[name], 4));
      const params: Record<string, Dim> = {
        rows: rows(output),
        width: width(output),
        inner: kernel.inner?.(node as Node) ?? 1,
      };
      for (const name of kernel.inputs) {
        const { offset, stride } = placement(inputs[name]);
        Object.assign(params, { [`${name}_offset`]: offset, [`${name}_stride`]: stride });
      }
      return [
        {
          label: kernel.name,
          shader: elementwiseShader({ ...kernel, functions: kernel.declare?.(vector ? 'vec4f' : 'f32'), vector }),
          bind: {
            ...Object.fromEntries(kernel.inputs.map((n) => [`${n}_data`, { tensor: inputs[n] }])),
            y: { tensor: output },
          },
          params,
          groups: ceilDiv(
            mul(ceilDiv(rows(output), elementwiseRun), vector ? width(output) / 4 : width(output)),
            elementwiseLanes,
          ),
        },
      ];
    },
  };
}
