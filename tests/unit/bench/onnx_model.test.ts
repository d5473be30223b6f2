/** The few bytes of ONNX that we write, read back by the rules of protobuf's wire format. */
import { expect, it } from 'vitest';
import { FLOAT, onnxModel } from '../../../bench/peers/onnx_model.ts';

type Fields = Record<number, (number | Uint8Array)[]>;

function fields(bytes: Uint8Array): Fields {
  const found: Fields = {};
  let at = 0;
  const varint = () => {
    let value = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at++];
      value |= BigInt(byte & 127) << shift;
      if (byte < 128) return Number(BigInt.asIntN(64, value));
    }
  };
  while (at < bytes.length) {
    const key = varint();
    const wire = key & 7;
    let value: number | Uint8Array;
    if (wire === 0) value = varint();
    else {
      const length = wire === 2 ? varint() : 4;
      value = bytes.subarray(at, (at += length));
    }
    (found[key >>> 3] ??= []).push(value);
  }
  return found;
}

const inner = (f: Fields, ...path: number[]): Fields => path.reduce((g, n) => fields(g[n][0] as Uint8Array), f);
const text = (value: number | Uint8Array) => new TextDecoder().decode(value as Uint8Array);

it('writes nodes, attributes, constants and shapes', () => {
  const bytes = new Uint8Array(Float32Array.of(1.5, -2).buffer);
  const model = fields(
    onnxModel({
      nodes: [
        { op: 'Softmax', inputs: ['x'], outputs: ['s'], attributes: { axis: -1 } },
        {
          op: 'Own',
          domain: 'com.microsoft',
          inputs: ['s', 'c'],
          outputs: ['y'],
          attributes: { pads: [1, 300], epsilon: { float: 0.5 }, mode: 'nearest' },
        },
      ],
      inputs: [{ name: 'x', type: FLOAT, shape: [1, 1000] }],
      outputs: [{ name: 'y', type: FLOAT, shape: [2] }],
      constants: [{ name: 'c', type: FLOAT, shape: [2], bytes }],
    }),
  );
  const graph = inner(model, 7);
  const [softmax, own] = graph[1].map((node) => fields(node as Uint8Array));
  expect([softmax[1], softmax[2], softmax[4]].map(([name]) => text(name))).toEqual(['x', 's', 'Softmax']);
  const axis = inner(softmax, 5);
  expect([text(axis[1][0]), axis[3], axis[20]]).toEqual(['axis', [-1], [2]]);
  expect([text(own[7][0]), own[1].map(text)]).toEqual(['com.microsoft', ['s', 'c']]);
  const [pads, epsilon, mode] = own[5].map((attribute) => fields(attribute as Uint8Array));
  expect([pads[8], pads[20]]).toEqual([[1, 300], [7]]);
  expect(new Float32Array((epsilon[2][0] as Uint8Array).slice().buffer)[0]).toBe(0.5);
  expect([text(mode[4][0]), mode[20]]).toEqual(['nearest', [3]]);
  const constant = inner(graph, 5);
  expect([constant[1], constant[2], text(constant[8][0])]).toEqual([[2], [FLOAT], 'c']);
  expect([...(constant[9][0] as Uint8Array)]).toEqual([...bytes]);
  const dims = inner(graph, 11, 2, 1, 2)[1].map((d) => fields(d as Uint8Array)[1][0]);
  expect([text(inner(graph, 11)[1][0]), dims]).toEqual(['x', [1, 1000]]);
});
