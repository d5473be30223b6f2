/** What a peer offers: the array operations that its users compose ops from. `A` is its array, or the name of one in a graph. */

export interface Convolution {
  readonly stride: number;
  /** Rows of zeros above, columns to the left, rows below, columns to the right. */
  readonly pads: readonly [number, number, number, number];
}

export interface Arrays<A> {
  /** Layout of its pictures. */
  readonly pictures: 'channels first' | 'channels last';
  constant(data: Float32Array<ArrayBuffer>, shape: readonly number[]): A;
  add(a: A, b: A): A;
  sub(a: A, b: A): A;
  mul(a: A, b: A): A;
  div(a: A, b: A): A;
  exp(a: A): A;
  sqrt(a: A): A;
  sigmoid(a: A): A;
  gelu(a: A): A;
  /** (…, M, K)·(…, K, N), or (…, N, K) when transposed. */
  matmul(a: A, b: A, transposed: boolean): A;
  reshape(a: A, shape: readonly number[]): A;
  permute(a: A, axes: readonly number[]): A;
  slice(a: A, start: readonly number[], size: readonly number[]): A;
  concat(parts: readonly A[], axis: number): A;
  /** Over `axes`, which stay with length one. */
  mean(a: A, axes: readonly number[]): A;
  /** Over the last axis. */
  softmax(a: A): A;
  /** Rows of a along its first axis. */
  take(a: A, index: A): A;
  /** `a` where the 0-or-1 condition holds, otherwise `b`. */
  where(condition: A, a: A, b: A): A;
  greater(a: A, b: A): A;
  /** Position of the largest of (1, n), as (1). */
  argmax(a: A): A;
  /** Of one picture; weight (Cout, Cin, k, k), bias (Cout). */
  conv(x: A, weight: A, bias: A | undefined, how: Convolution): A;
  /** Of one picture, twice in both directions. */
  upsample(x: A): A;
  /** Writes rows of x into rows `index` of a, where it can. */
  scatter?(a: A, index: A, x: A): A;
  /** Ops that it has a call of its own for. */
  readonly own: Partial<Record<string, (call: OwnCall<A>) => A | undefined>>;
}

export interface OwnCall<A> {
  readonly inputs: Readonly<Record<string, A>>;
  readonly shapes: Readonly<Record<string, readonly number[]>>;
  readonly attrs: Readonly<Record<string, unknown>>;
  readonly pictures: boolean;
}
