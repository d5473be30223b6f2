/** Fusion: which neighbours become one dispatch, and which must stay two because somebody else needs what is between them. */
import { describe, expect, test } from 'vitest';
import {
  Graph,
  type Tensor,
  add,
  columns,
  compile,
  conv2d,
  gelu,
  groupNorm,
  linear,
  named,
  reshape,
  scatter,
  silu,
  upsample,
} from '../../src/engine/index.ts';

interface Build {
  readonly graph: Graph;
  input(name: string, ...shape: number[]): Tensor;
  linear(x: Tensor, outputs: number): Tensor;
  conv(x: Tensor, outputs: number, stride?: 1 | 2): Tensor;
  norm(x: Tensor): Tensor;
}

function graphOf(build: (b: Build) => Tensor): Graph {
  const graph = new Graph('test');
  const next = () => `w${graph.tensors.length}`;
  const width = (x: Tensor) => x.shape.at(-1) as number;
  const y = build({
    graph,
    input: (name, ...shape) => graph.input(name, shape),
    linear: (x, outputs) => linear(x, graph.weight(next(), [outputs, width(x)]), graph.weight(next(), [outputs])),
    conv: (x, outputs, stride = 1) =>
      conv2d(x, graph.weight(next(), [outputs, width(x), 3, 3]), graph.weight(next(), [outputs]), { stride }),
    norm: (x) =>
      groupNorm(x, graph.weight(next(), [width(x)]), graph.weight(next(), [width(x)]), { groups: 2, eps: 1e-6 }),
  });
  graph.output('y', y);
  return graph;
}

/** Labels of the plan's dispatches. */
function labels(build: (b: Build) => Tensor, keep: readonly string[] = []): string[] {
  // software adapters' kernels have the names of their ops
  return compile(graphOf(build), { keep, architecture: 'software' }).dispatches.map((d) => d.label);
}

/** Tensors that a dispatch binds, by the kernel's names. */
function bound(build: (b: Build) => Tensor): Record<string, string> {
  const plan = compile(graphOf(build));
  expect(plan.dispatches).toHaveLength(1);
  return Object.fromEntries(
    Object.entries(plan.dispatches[0].bind).map(([name, operand]) => [
      name,
      'tensor' in operand ? operand.tensor.name : 'weight' in operand ? operand.weight.name : operand.image.name,
    ]),
  );
}

const norm = ['group_norm.partial', 'group_norm.combine', 'group_norm.apply'];

describe('become one', () => {
  test('linear and the activation after it', () => {
    expect(labels((b) => gelu(b.linear(b.input('x', 9, 8), 12)))).toEqual(['linear']);
    expect(labels((b) => silu(b.linear(b.input('x', 9, 8), 12)))).toEqual(['linear']);
  });

  test('linear and the add after it, on either side', () => {
    expect(bound((b) => add(b.input('r', 9, 12), b.linear(b.input('x', 9, 8), 12))).residual).toBe('r');
    expect(bound((b) => add(b.linear(b.input('x', 9, 8), 12), b.input('r', 9, 12))).residual).toBe('r');
  });

  test('linear, activation and add', () => {
    expect(labels((b) => add(b.input('r', 9, 12), gelu(b.linear(b.input('x', 9, 8), 12))))).toEqual(['linear']);
  });

  test('conv2d and the add after it', () => {
    expect(bound((b) => add(b.input('r', 5, 6, 7), b.conv(b.input('x', 5, 6, 4), 7))).residual).toBe('r');
  });

  test('upsample and the conv2d after it, and an add', () => {
    const build = (b: Build) => add(b.input('r', 10, 12, 7), b.conv(upsample(b.input('x', 5, 6, 4)), 7));
    expect(bound(build)).toMatchObject({ x: 'x', residual: 'r' });
  });

  test('group_norm and the silu after it', () => {
    expect(labels((b) => b.norm(b.input('x', 5, 6, 4)))).toEqual(norm);
    expect(labels((b) => silu(b.norm(b.input('x', 5, 6, 4))))).toEqual(norm);
    const text = (build: (b: Build) => Tensor) => compile(graphOf(build)).dispatches[2].shader;
    expect(text((b) => silu(b.norm(b.input('x', 5, 6, 4))))).toContain('activate');
    expect(text((b) => b.norm(b.input('x', 5, 6, 4)))).not.toContain('activate');
  });

  test('group_norm, silu, conv2d and add are one node, which asks whether to normalise while it reads', () => {
    const build = (b: Build) => add(b.input('r', 5, 6, 128), b.conv(silu(b.norm(b.input('x', 5, 6, 128))), 128));
    const plan = (answer: string) =>
      compile(graphOf(build), { subgroupSize: 8, choices: new Map(asked(answer)) }).dispatches.map((d) => d.label);
    const asked = (answer: string) =>
      compile(graphOf(build), { subgroupSize: 8 }).choices.map(({ key, variants }) => {
        return [key, variants.includes(answer) ? answer : variants[0]] as const;
      });
    expect(plan('apart')).toEqual([...norm, 'conv2d_subgroup']);
    expect(plan('prologue')).toEqual([...norm.slice(0, 2), 'conv2d_subgroup']);
  });

  test('a residual block: its sum goes into the later of two convolutions', () => {
    const block = (b: Build) => {
      const x = b.input('x', 8, 8, 4);
      const h = b.conv(silu(b.norm(b.conv(silu(b.norm(x)), 8))), 8);
      return add(b.conv(x, 8), h);
    };
    expect(labels(block)).toEqual([...norm, 'conv2d', 'conv2d', ...norm, 'conv2d']); // the norm goes with its convolution
  });

  test('the output keeps the name and the place of the later op', () => {
    const graph = graphOf((b) => named(add(b.input('r', 9, 12), b.linear(b.input('x', 9, 8), 12)), 'block.0'));
    expect(compile(graph).dispatches[0].output.name).toBe('block.0');
  });
});

describe('stay apart', () => {
  test('a result that is kept by name', () => {
    const build = (b: Build) => gelu(named(b.linear(b.input('x', 9, 8), 12), 'before'));
    expect(labels(build)).toEqual(['linear']);
    expect(labels(build, ['before'])).toEqual(['linear', 'gelu']);
  });

  test('a kept result in front of a convolution', () => {
    const build = (b: Build) => b.conv(named(upsample(b.input('x', 5, 6, 4)), 'wide'), 7);
    expect(labels(build)).toEqual(['conv2d']);
    expect(labels(build, ['wide'])).toEqual(['upsample', 'conv2d']);
  });

  test('a result that is an output as well', () => {
    const build = (b: Build) => silu(b.graph.output('n', b.norm(b.input('x', 5, 6, 4))));
    expect(labels(build)).toEqual([...norm, 'silu']);
  });

  test('a result that two ops read', () => {
    const twice = (b: Build) => {
      const h = b.linear(b.input('x', 9, 8), 12);
      return add(gelu(h), h);
    };
    expect(labels(twice)).toEqual(['linear', 'gelu', 'add']);
    const wide = (b: Build) => {
      const x = upsample(b.input('x', 5, 6, 4));
      return add(b.conv(x, 4), x);
    };
    expect(labels(wide)).toEqual(['upsample', 'conv2d']); // the sum is taken over, the picture is still needed
  });

  test('a result added to itself', () => {
    const doubled = (b: Build) => {
      const h = b.conv(b.input('x', 5, 6, 4), 4);
      return add(h, h);
    };
    expect(labels(doubled)).toEqual(['conv2d', 'add']);
  });

  test('a result that somebody reads through a view', () => {
    const build = (b: Build) => gelu(columns(b.linear(b.input('x', 9, 8), 12), 0, 4));
    expect(labels(build)).toEqual(['linear', 'gelu']);
  });

  test('a second residual, and an activation after a residual', () => {
    const build = (b: Build) =>
      add(b.input('s', 5, 6, 7), add(b.input('r', 5, 6, 7), b.conv(b.input('x', 5, 6, 4), 7)));
    expect(labels(build)).toEqual(['conv2d', 'add']);
    expect(labels((b) => gelu(add(b.input('r', 9, 12), b.linear(b.input('x', 9, 8), 12))))).toEqual(['linear', 'gelu']);
  });

  test('a residual with gaps between its rows', () => {
    const build = (b: Build) => add(columns(b.input('r', 9, 20), 4, 12), b.linear(b.input('x', 9, 8), 12));
    expect(labels(build)).toEqual(['linear', 'add']);
  });

  test('a residual whose rows are repeated', () => {
    const build = (b: Build) => add(b.conv(b.input('x', 5, 6, 4), 7), b.input('r', 6, 7));
    expect(labels(build)).toEqual(['conv2d', 'add']);
    const other = (b: Build) => add(b.input('r', 2, 5, 6, 7), b.conv(b.input('x', 5, 6, 4), 7));
    expect(labels(other)).toEqual(['conv2d', 'add']);
  });

  test('an upsampling that only pretends to be one', () => {
    const build = (b: Build) => b.conv(reshape(upsample(b.input('x', 5, 6, 4)), [20, 6, 4]), 7);
    expect(labels(build)).toEqual(['upsample', 'conv2d']);
  });

  test('an op and the one after it, when what it reads is written in between', () => {
    const build = (b: Build, write: boolean) => {
      const state = b.graph.state('s', [4, 8]);
      const h = b.linear(state, 8);
      if (write) scatter(state, b.graph.input('index', [2], 'u32'), b.input('x', 2, 8));
      return add(h, b.input('r', 4, 8));
    };
    expect(labels((b) => build(b, false))).toEqual(['linear']);
    expect(labels((b) => build(b, true))).toEqual(['linear', 'scatter', 'add']);
  });
});
