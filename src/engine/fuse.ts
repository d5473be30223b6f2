/** Fusion: lets each op take over the work of a neighbour whose result nobody else needs. The rules are the ops' own (`absorb`, `absorbInput`). */
import type { Graph, Node } from './graph.ts';
import type { Fused } from './op.ts';
import { type Tensor, root } from './tensor.ts';

/** The graph's nodes after fusion, in order. Tensors in `keep` stay computed as they are. */
export function fuse(graph: Graph, keep: ReadonlySet<Tensor>): Node[] {
  let nodes = [...graph.nodes];
  const fixed = new Set([...graph.outputs.values(), ...keep].map(root));
  for (let changed = true; changed;) {
    changed = false;
    const uses = countUses(nodes);
    for (const node of nodes) {
      const next = soleConsumer(node, nodes, uses, fixed);
      if (!next) continue;
      const merged = node.op.absorb?.(node, next) ?? absorbedBy(next, node);
      if (!merged) continue;
      const fused: Node = { ...merged, output: next.output };
      nodes = nodes.filter((n) => n !== node).map((n) => (n === next ? fused : n));
      changed = true;
      break;
    }
  }
  return nodes;
}

function countUses(nodes: readonly Node[]): Map<Tensor, number> {
  const uses = new Map<Tensor, number>();
  for (const node of nodes) for (const x of Object.values(node.inputs)) uses.set(root(x), (uses.get(root(x)) ?? 0) + 1);
  return uses;
}

function soleConsumer(
  node: Node,
  nodes: readonly Node[],
  uses: Map<Tensor, number>,
  fixed: ReadonlySet<Tensor>,
): Node | undefined {
  const x = node.output;
  if (x.view || fixed.has(x) || uses.get(x) !== 1) return undefined;
  return nodes.find((n) => Object.values(n.inputs).includes(x));
}

function absorbedBy(next: Node, before: Node): Fused | undefined {
  const name = Object.keys(next.inputs).find((n) => next.inputs[n] === before.output);
  return name === undefined ? undefined : next.op.absorbInput?.(next, name, before);
}
