/** Which layout is chosen for a limit of memory, from what each would take; and which form of the weights, on the published sizes. */
import { describe, expect, test } from 'vitest';
import { OvertoneError } from '../../../src/engine/index.ts';
import { type NeedOf, arrange } from '../../../src/harmon/arrangement.ts';
import { harmonConfigs } from '../../../src/harmon/config.ts';
import { declaredTensors } from '../../../src/harmon/declared.ts';
import { formFor } from '../../../src/harmon/planned.ts';
import { fewerBits } from '../../../src/harmon/weight_source.ts';
import { formulaFile } from '../../support/formula.ts';

const need = (total: number) => ({ weights: total, state: 0, activations: 0, largest: 0, total });

/** Each picture takes 10; Winograd's weights 3; parts that are not at work 20; pictures as a whole 2. */
const needOf: NeedOf = ({ frugal, apart, bands }, pictures) =>
  need(100 + 10 * pictures + (frugal ? 0 : 3) + (apart ? 0 : 20) + (bands ? 0 : 2));

describe('a task', () => {
  test.each([
    [165, { frugal: false, apart: false, bands: false, pictures: 4 }],
    [164, { frugal: true, apart: false, bands: false, pictures: 4 }],
    [161, { frugal: true, apart: true, bands: false, pictures: 4 }],
    [141, { frugal: true, apart: true, bands: true, pictures: 4 }],
    [131, { frugal: true, apart: true, bands: true, pictures: 3 }],
    [111, { frugal: true, apart: true, bands: true, pictures: 1 }],
  ])('that is given %i is laid out as %o', (memory, expected) => {
    expect(arrange(needOf, 4, memory)).toEqual(expected);
  });

  test('has as many pictures at once as buffers hold, without a limit', () => {
    const asked: number[] = [];
    const small: NeedOf = (_, pictures) => {
      asked.push(pictures);
      if (pictures > 2)
        throw new OvertoneError('memory', '[plan] hidden takes 9 bytes; a buffer of this device holds 8');
      return need(1);
    };
    expect(arrange(small, 4, undefined)).toEqual({ frugal: false, apart: false, bands: false, pictures: 2 });
    expect(asked).toEqual([4, 3, 2]);
    const none: NeedOf = () => {
      throw new OvertoneError('memory', '[plan] hidden takes 9 bytes; a buffer of this device holds 8');
    };
    expect(() => arrange(none, 4, undefined)).toThrow('a buffer of this device holds 8');
  });

  test('that does not fit is refused with what would', () => {
    const others = [
      { form: 'q8', needOf: (() => need(109)) as NeedOf },
      { form: 'q4', needOf: (() => need(70e6)) as NeedOf },
    ] as const;
    expect(() => arrange(() => need(2.5e9), 1, 80e6, others.slice(1))).toThrow(
      '[memory] this needs 2.50 GB for weights, 0.0 MB for activations, 0.0 MB for caches, 2.50 GB in all, but 80.0 MB are allowed: choose weights in q4 (quantise), which need 70.0 MB, a smaller picture or 2.50 GB of memory',
    );
    expect(() => arrange(needOf, 1, 108, others)).toThrow(
      /are allowed: choose a smaller picture or 0\.0 MB of memory$/,
    );
  });
});

describe('the form of the weights of harmon-1.5b at 512 px', () => {
  const config = harmonConfigs['1.5b'];
  const file = formulaFile(declaredTensors(config));
  const fit = { task: 'generate', imageSize: 512 } as const;

  test('has as many bits as fit, and no fewer than are allowed', () => {
    expect(formFor(config, file, 4e9, 'q4', fit).quantise).toBe('q8');
    expect(() => formFor(config, file, 2.5e9, 'q8', fit)).toThrow(
      /^\[memory\] this needs 2\.\d\d GB for weights, .*but 2\.50 GB are allowed: choose weights in q4 \(quantise\), which need 2\.\d\d GB,/,
    );
  });
});

test('a quantised file can be opened in its own form only, so none is named as a cure', () => {
  const config = harmonConfigs['0.5b'];
  const file = formulaFile(declaredTensors(config));
  const stored = {
    ...file,
    tensors: new Map([...file.tensors].map(([name, t]) => [name, { ...t, dtype: 'Q8' as const }])),
  };
  expect(fewerBits(file, undefined)).toEqual(['q8', 'q4']);
  expect(fewerBits(file, 'q8')).toEqual(['q4']);
  expect(fewerBits(stored, 'q8')).toEqual([]);
});
