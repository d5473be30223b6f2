/** Memory of a picture from its plans alone: the sizes of the published models, and requests that no buffer holds. */
import { describe, expect, test } from 'vitest';
import { storedSize } from '../../../src/engine/index.ts';
import { harmonConfigs } from '../../../src/harmon/config.ts';
import { declaredTensors } from '../../../src/harmon/declared.ts';
import { plannedPicture } from '../../../src/harmon/planned.ts';
import { formulaFile } from '../../support/formula.ts';

const MIB = 2 ** 20;
const file = (size: '0.5b' | '1.5b') => formulaFile(declaredTensors(harmonConfigs[size]), size);

describe("on WebGPU's own limits", () => {
  test.each(['0.5b', '1.5b'] as const)('harmon-%s at 512 px needs no buffer above them', (size) => {
    const { weights, state, activations, largest } = plannedPicture(harmonConfigs[size], file(size));
    const stored = [...file(size).tensors.values()].reduce((sum, entry) => sum + storedSize(entry), 0);
    expect(weights).toBeGreaterThan(stored * 0.8);
    expect(weights).toBeLessThan(stored * 1.02);
    expect(state).toBeGreaterThan(0);
    expect(activations).toBeGreaterThan(16 * MIB);
    expect(largest).toBeLessThanOrEqual(256 * MIB);
    const mib = (bytes: number) => Math.round(bytes / MIB);
    console.log(
      `${size}: weights ${mib(weights)} MiB, caches ${mib(state)}, activations ${mib(activations)}, largest ${mib(largest)}`,
    );
  });

  test('weights in fewer bits take less, more pictures at once take more of all else', () => {
    const config = harmonConfigs['0.5b'];
    const one = plannedPicture(config, file('0.5b'));
    expect(plannedPicture(config, file('0.5b'), { quantise: 'q8' }).weights).toBeLessThan(one.weights * 0.7);
    const four = plannedPicture(config, file('0.5b'), { count: 4 });
    expect(four.weights).toBe(one.weights);
    expect(four.state).toBeGreaterThan(one.state * 3.9);
  });

  test('what no buffer holds is refused with both numbers', () => {
    const large = () => plannedPicture(harmonConfigs['1.5b'], file('1.5b'), { imageSize: 1024 });
    expect(large).toThrow(
      /takes \d+ bytes; a buffer of this device holds 268435456: choose a smaller picture or batch/,
    );
    expect(large).toThrow(expect.objectContaining({ code: 'memory' }) as Error);
  });
});
