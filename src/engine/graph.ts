/** A graph: the tensors and ops of one pass over a model, in the order they were called. Built without a GPU and without a checkpoint. */
import type { Dtype } from './dtype.ts';
import { GraphError } from './errors.ts';
import { type Dim, isDim, sameDim, shapeText } from './extent.ts';
import type { Op } from './op.ts';
import type { Role, Tensor, View } from './tensor.ts';

/** One call of an op. `inputs` are named; an op may also write the states it lists in `mutates`. */
export interface Node<Attrs = unknown> {
  readonly op: Op<Attrs>;
  readonly inputs: Readonly<Record<string, Tensor>>;
  readonly attrs: Attrs;
  readonly output: Tensor;
}

const DTYPES: ReadonlySet<Dtype> = new Set(['f32', 'f16', 'bf16', 'u32', 'i32']);

export class Graph {
  readonly tensors: Tensor[] = [];
  readonly nodes: Node[] = [];
  readonly outputs = new Map<string, Tensor>();
  private readonly names = new Map<string, Tensor>();

  constructor(readonly name: string) {}

  /** Registers a tensor; ops and views use this. */
  add(spec: { name: string; dtype: Dtype; shape: readonly Dim[]; role: Role; view?: View }): Tensor {
    const tensor: Tensor = { graph: this, id: this.tensors.length, ...spec };
    this.tensors.push(tensor);
    return tensor;
  }

  /** A value the caller writes before a run. */
  input(name: string, shape: readonly Dim[], dtype: Dtype = 'f32'): Tensor {
    return this.declare(name, shape, dtype, 'input');
  }

  /** A value that lives on between runs, such as a KV cache. */
  state(name: string, shape: readonly Dim[], dtype: Dtype = 'f32'): Tensor {
    return this.declare(name, shape, dtype, 'state');
  }

  /** A tensor of the checkpoint, under its name there. Its stored dtype is chosen when the graph is compiled. */
  weight(name: string, shape: readonly number[]): Tensor {
    return this.declare(name, shape, 'f32', 'weight');
  }

  /** Marks `x` as something the caller reads after a run, under `name`. Errors: GraphError for a name twice or another graph's tensor. */
  output(name: string, x: Tensor): Tensor {
    if (x.graph !== this)
      throw new GraphError(`[graph ${this.name}] output ${name} must be of this graph but belongs to ${x.graph.name}`);
    if (this.outputs.has(name)) throw new GraphError(`[graph ${this.name}] output ${name} must be declared once`);
    this.outputs.set(name, x);
    return x;
  }

  private declare(name: string, shape: readonly Dim[], dtype: Dtype, role: Role): Tensor {
    this.checkDeclared(name, shape, dtype);
    const before = this.names.get(name);
    if (before) {
      const same =
        before.role === role &&
        before.dtype === dtype &&
        before.shape.length === shape.length &&
        before.shape.every((d, i) => sameDim(d, shape[i]));
      if (!same)
        throw new GraphError(
          `[graph ${this.name}] ${name} must be declared alike everywhere but is ${before.role} ${before.dtype} ${shapeText(before.shape)} and ${role} ${dtype} ${shapeText(shape)}`,
        );
      return before;
    }
    const tensor = this.add({ name, dtype, shape, role });
    this.names.set(name, tensor);
    return tensor;
  }

  /** Shapes and types may come from plain JavaScript, where the compiler of TypeScript has not looked at them. */
  private checkDeclared(name: string, shape: readonly Dim[], dtype: Dtype): void {
    const wrong = shape.findIndex((d) => !isDim(d));
    if (wrong >= 0)
      throw new GraphError(
        `[graph ${this.name}] ${name} must have whole dimensions from 0 up but dimension ${wrong} is ${typeof shape[wrong]} ${String(shape[wrong])}`,
      );
    if (!DTYPES.has(dtype))
      throw new GraphError(
        `[graph ${this.name}] ${name} must be one of ${[...DTYPES].join(', ')} but is ${String(dtype)}`,
      );
  }
}

/** A path into a checkpoint: `w.at('layers', i).get('weight', shape)` declares `layers.<i>.weight`. */
export interface Weights {
  readonly path: string;
  at(...path: (string | number)[]): Weights;
  get(name: string, shape: readonly number[]): Tensor;
}

export function weightsOf(graph: Graph, path = ''): Weights {
  const join = (...parts: (string | number)[]) => [path, ...parts].filter((p) => p !== '').join('.');
  return {
    path,
    at: (...parts) => weightsOf(graph, join(...parts)),
    get: (name, shape) => graph.weight(join(name), shape),
  };
}
