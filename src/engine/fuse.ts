/** Fusion: lets each op take over the work of a neighbour whose result nobody else needs. The rules are the ops' own (`absorb`, `absorbInput`). */
import type { Graph, Node } from './graph.ts';
import { type Fused, mutated } from './op.ts';
import { type Tensor, root } from './tensor.ts';

/** The graph's nodes after fusion, in order. Tensors in `keep` stay computed as they are. */
export function fuse(graph: Graph, keep: ReadonlySet<Tensor>): Node[] {
  const nodes = [...graph.nodes];
  const fixed = new Set([...graph.outputs.values(), ...keep].map(root));
  const uses = countUses(nodes);
  for (let changed = true; changed;) {
    changed = false;
    for (let i = 0; i < nodes.length;) {
      const at = soleConsumer(nodes, i, uses, fixed);
      const merged = at < 0 || written(nodes, i, at) ? undefined : merge(nodes[i], nodes[at]);
      if (!merged) {
        i++;
        continue;
      }
      nodes[at] = { ...merged, output: nodes[at].output };
      nodes.splice(i, 1);
      changed = true;
    }
  }
  return nodes;
}

function countUses(nodes: readonly Node[]): Map<Tensor, number> {
  const uses = new Map<Tensor, number>();
  for (const node of nodes) for (const x of Object.values(node.inputs)) uses.set(root(x), (uses.get(root(x)) ?? 0) + 1);
  return uses;
}

/** Index of the one node that reads the output of node `i`, itself and not a view of it; −1 when there are others. */
function soleConsumer(
  nodes: readonly Node[],
  i: number,
  uses: Map<Tensor, number>,
  fixed: ReadonlySet<Tensor>,
): number {
  const x = nodes[i].output;
  if (x.view || fixed.has(x) || uses.get(x) !== 1) return -1;
  return nodes.findIndex((n, j) => j > i && Object.values(n.inputs).includes(x));
}

/** Whether something that node `i` reads is written before node `at`, where a merged node would read it. */
function written(nodes: readonly Node[], i: number, at: number): boolean {
  const read = new Set(Object.values(nodes[i].inputs).map(root));
  return nodes.slice(i + 1, at).some((n) => mutated(n).some((name) => read.has(root(n.inputs[name]))));
}

function merge(node: Node, next: Node): Fused | undefined {
  const name = Object.keys(next.inputs).find((n) => next.inputs[n] === node.output);
  return node.op.absorb?.(node, next) ?? (name === undefined ? undefined : next.op.absorbInput?.(next, name, node));
}
