/**
 * Sizes that may change from run to run. A dimension is a number or a polynomial over named extents; a plan allocates for its maximum,
 * a run evaluates it. Only sums, products, rounded-up quotients and stretches exist, so every dimension grows with its extents.
 */
import { GraphError } from './errors.ts';

/** The value of each extent in one run. */
export type Extents = Readonly<Record<string, number>>;

interface Atom {
  readonly text: string;
  readonly max: number;
  evaluate(at: Extents): number;
}

interface Term {
  readonly factor: number;
  readonly atoms: readonly Atom[];
}

/** A dimension that depends on extents. Equal dimensions have equal text. */
export class Size {
  readonly text: string;
  readonly max: number;

  constructor(readonly terms: readonly Term[]) {
    this.text = terms.map(termText).join('+');
    this.max = terms.reduce((sum, t) => sum + t.atoms.reduce((p, a) => p * a.max, t.factor), 0);
  }

  toString(): string {
    return this.text;
  }
}

export type Dim = number | Size;

/** Whether a value from plain JavaScript is a dimension: a whole number from 0, or made of extents. */
export function isDim(value: unknown): value is Dim {
  return value instanceof Size || (Number.isSafeInteger(value) && (value as number) >= 0);
}

/** Whether a value from plain JavaScript is a whole number from 1. */
export function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 1;
}

function termText(term: Term): string {
  const atoms = term.atoms.map((a) => a.text).join('·');
  return term.atoms.length === 0 ? String(term.factor) : term.factor === 1 ? atoms : `${term.factor}·${atoms}`;
}

function termsOf(dim: Dim): readonly Term[] {
  if (dim instanceof Size) return dim.terms;
  return dim === 0 ? [] : [{ factor: dim, atoms: [] }];
}

function normal(terms: readonly Term[]): Dim {
  const sums = new Map<string, Term>();
  for (const term of terms) {
    const atoms = [...term.atoms].sort((a, b) => (a.text < b.text ? -1 : a.text > b.text ? 1 : 0));
    const key = atoms.map((a) => a.text).join('·');
    const before = sums.get(key);
    sums.set(key, { factor: term.factor + (before?.factor ?? 0), atoms });
  }
  const kept = [...sums.entries()].filter(([, t]) => t.factor !== 0).sort(([a], [b]) => (a < b ? 1 : -1));
  if (kept.length === 0) return 0;
  if (kept.length === 1 && kept[0][0] === '') return kept[0][1].factor;
  return new Size(kept.map(([, t]) => t));
}

/** A named size with its maximum, e.g. `extent('visible', 1024)`. */
export function extent(name: string, max: number): Size {
  if (!Number.isSafeInteger(max) || max < 0)
    throw new GraphError(`[extent] ${name} must have a whole maximum but got ${max}`);
  const atom: Atom = {
    text: name,
    max,
    evaluate(at) {
      const value = at[name];
      if (value === undefined) throw new GraphError(`[extent] ${name} must be given for this run`);
      if (!Number.isSafeInteger(value) || value < 0 || value > max)
        throw new GraphError(`[extent] ${name} must be a whole number from 0 to ${max} but got ${value}`);
      return value;
    },
  };
  return new Size([{ factor: 1, atoms: [atom] }]);
}

// A plan adds and multiplies thousands of dimensions, nearly all of them numbers.

export function add(...dims: Dim[]): Dim {
  const sizes = dims.filter((dim) => typeof dim !== 'number');
  const rest = dims.reduce<number>((sum, dim) => (typeof dim === 'number' ? sum + dim : sum), 0);
  return sizes.length === 0 ? rest : normal([...sizes, rest].flatMap(termsOf));
}

export function mul(...dims: Dim[]): Dim {
  let factor = 1;
  let terms: readonly Term[] | undefined;
  for (const dim of dims)
    if (typeof dim === 'number') factor *= dim;
    else terms = terms ? productOf(terms, dim.terms) : dim.terms;
  if (!terms || factor === 0) return terms ? 0 : factor;
  return normal(factor === 1 ? terms : terms.map((t) => ({ factor: factor * t.factor, atoms: t.atoms })));
}

function productOf(a: readonly Term[], b: readonly Term[]): Term[] {
  return a.flatMap((x) => b.map((y) => ({ factor: x.factor * y.factor, atoms: [...x.atoms, ...y.atoms] })));
}

/** ceil(dim / by) */
export function ceilDiv(dim: Dim, by: number): Dim {
  if (by === 1) return dim;
  if (typeof dim === 'number') return Math.ceil(dim / by);
  if (divisible(dim, by)) return normal(dim.terms.map((t) => ({ factor: t.factor / by, atoms: t.atoms })));
  const atom: Atom = {
    text: `⌈${dim.text}/${by}⌉`,
    max: Math.ceil(dim.max / by),
    evaluate: (at) => Math.ceil(evaluate(dim, at) / by),
  };
  return new Size([{ factor: 1, atoms: [atom] }]);
}

/** How much of `dim` lies in [start, start + count): min(max(dim − start, 0), count). */
export function stretch(dim: Dim, start: number, count: number): Dim {
  const within = (n: number) => Math.min(Math.max(n - start, 0), count);
  if (typeof dim === 'number') return within(dim);
  if (start === 0 && dim.max <= count) return dim;
  const atom: Atom = {
    text: `(${dim.text})[${start}:+${count}]`,
    max: within(dim.max),
    evaluate: (at) => within(evaluate(dim, at)),
  };
  return new Size([{ factor: 1, atoms: [atom] }]);
}

/** Whether `dim` is a multiple of `by` whatever its extents are. */
export function divisible(dim: Dim, by: number): boolean {
  return termsOf(dim).every((t) => t.factor % by === 0);
}

export function evaluate(dim: Dim, at: Extents): number {
  if (typeof dim === 'number') return dim;
  let sum = 0;
  for (const term of dim.terms) {
    let product = term.factor;
    for (const atom of term.atoms) product *= atom.evaluate(at);
    sum += product;
  }
  return sum;
}

export function maximum(dim: Dim): number {
  return typeof dim === 'number' ? dim : dim.max;
}

export function sameDim(a: Dim, b: Dim): boolean {
  return String(a) === String(b);
}

export function shapeText(shape: readonly Dim[]): string {
  return `[${shape.join(', ')}]`;
}
