/** Writes an ONNX model: the few messages of onnx.proto that a graph of calls needs, in protobuf's wire format. */

/** Element types of ONNX. */
export const FLOAT = 1;
export const INT64 = 7;
export const INT32 = 6;

export interface OnnxTensor {
  readonly name: string;
  readonly type: number;
  readonly shape: readonly number[];
}

export type Attribute = number | string | readonly number[] | { readonly float: number };

export interface OnnxNode {
  readonly op: string;
  readonly domain?: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: Readonly<Record<string, Attribute>>;
}

export interface OnnxGraph {
  readonly nodes: readonly OnnxNode[];
  readonly inputs: readonly OnnxTensor[];
  readonly outputs: readonly OnnxTensor[];
  readonly constants: readonly (OnnxTensor & { readonly bytes: Uint8Array })[];
}

/** The bytes of a model of opset 20 with ONNX Runtime's own ops beside it. */
export function onnxModel(graph: OnnxGraph): Uint8Array<ArrayBuffer> {
  const body = [
    ...graph.nodes.map((node) => message(1, nodeProto(node))),
    text(2, 'graph'),
    ...graph.constants.map((constant) => message(5, tensorProto(constant))),
    ...graph.inputs.map((input) => message(11, valueProto(input))),
    ...graph.outputs.map((output) => message(12, valueProto(output))),
  ];
  const opset = (domain: string, version: number) => message(8, [text(1, domain), whole(2, version)]);
  return joined([whole(1, 9), message(7, body), opset('', 20), opset('com.microsoft', 1)]);
}

const nodeProto = ({ op, domain, inputs, outputs, attributes }: OnnxNode) => [
  ...inputs.map((name) => text(1, name)),
  ...outputs.map((name) => text(2, name)),
  text(4, op),
  ...Object.entries(attributes).map(([name, value]) => message(5, [text(1, name), ...attributeProto(value)])),
  ...(domain ? [text(7, domain)] : []),
];

function attributeProto(value: Attribute): Uint8Array[] {
  if (typeof value === 'number') return [whole(3, value), whole(20, 2)];
  if (typeof value === 'string') return [text(4, value), whole(20, 3)];
  if (Array.isArray(value)) return [...value.map((n: number) => whole(8, n)), whole(20, 7)];
  const { float } = value as { float: number };
  const bytes = new Uint8Array(Float32Array.of(float).buffer);
  return [joined([varint((2 << 3) | 5), bytes]), whole(20, 1)];
}

const tensorProto = ({ name, type, shape, bytes }: OnnxGraph['constants'][number]) => [
  ...shape.map((d) => whole(1, d)),
  whole(2, type),
  text(8, name),
  joined([varint((9 << 3) | 2), varint(bytes.length), bytes]),
];

const valueProto = ({ name, type, shape }: OnnxTensor) => [
  text(1, name),
  message(2, [
    message(1, [
      whole(1, type),
      message(
        2,
        shape.flatMap((d) => [message(1, [whole(1, d)])]),
      ),
    ]),
  ]),
];

function varint(value: number): Uint8Array {
  const out: number[] = [];
  let rest = BigInt.asUintN(64, BigInt(value));
  do {
    const low = Number(rest & 127n);
    rest >>= 7n;
    out.push(rest > 0n ? low | 128 : low);
  } while (rest > 0n);
  return Uint8Array.from(out);
}

const whole = (field: number, value: number) => joined([varint(field << 3), varint(value)]);

const text = (field: number, value: string) => message(field, [new TextEncoder().encode(value)]);

function message(field: number, parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 0);
  return joined([varint((field << 3) | 2), varint(length), ...parts]);
}

function joined(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const out = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
