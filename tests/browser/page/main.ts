/** What the browser tests call in the page: op cases and recordings, by the code that runs them in Node. */
import { decode } from 'fast-png';
import { Device, WeightStore, bytesSource, openTensorFile } from '../../../src/engine/index.ts';
import { joinCheckpoint } from '../../../src/harmon/checkpoint.ts';
import { createTokenizer, parseConfig } from '../../../src/harmon/index.ts';
import type { Runtime } from '../../../src/harmon/runtime.ts';
import { weightSource } from '../../../src/harmon/weight_source.ts';
import type { CaseList } from '../../support/case.ts';
import { type Ask, compareRecording } from '../../support/recordings.ts';
import { runCase } from '../../support/run_case.ts';
import type { PageHarness } from '../../support/page_harness.ts';
import { parseSafetensors } from '../../support/safetensors.ts';

const files = import.meta.glob<{ list: CaseList }>('../../cases/*.ts', { eager: true });
const lists = new Map(Object.values(files).map(({ list }) => [list.op, list]));

let device: Device | undefined;
let runtime: Runtime | undefined;

async function openDevice(): Promise<Device> {
  const adapter = await navigator.gpu.requestAdapter();
  if (!adapter) throw new Error('the browser has no adapter');
  const { maxStorageBufferBindingSize, maxBufferSize, maxComputeWorkgroupStorageSize } = adapter.limits;
  const gpu = await adapter.requestDevice({
    requiredFeatures: adapter.features.has('subgroups') ? ['subgroups'] : [],
    requiredLimits: { maxStorageBufferBindingSize, maxBufferSize, maxComputeWorkgroupStorageSize },
  });
  const description = `${adapter.info.vendor} ${adapter.info.architecture}`;
  return Device.open({ device: gpu, description, now: () => performance.now() });
}

const bytes = async (path: string) => new Uint8Array(await (await fetch(path)).arrayBuffer());
const json = async (path: string): Promise<unknown> => (await fetch(path)).json();

async function openRuntime(): Promise<Runtime> {
  const part = async (name: string) => openTensorFile(bytesSource(name, await bytes(`/model/${name}`)));
  const weights = joinCheckpoint(await part('harmon_tiny.pth'), await part('kl16_tiny.ckpt'));
  return {
    device: device!,
    config: parseConfig(await json('/model/config.json'), 'config.json'),
    tokenizer: createTokenizer(await json('/model/tokenizer.json'), 'tokenizer.json'),
    source: weightSource(weights),
    weights: new WeightStore(device!),
  };
}

/** RGB of a PNG that has no alpha. */
async function picture(name: string) {
  const { width, height, data } = decode(await bytes(`/golden/${name}`));
  return { width, height, data: new Uint8Array(data) };
}

const harness: PageHarness = {
  async open() {
    device = await openDevice();
    device.poison = true;
    return device.description;
  },

  async runCase(op, name) {
    const test = lists.get(op)!.cases.find((c) => c.name === name)!;
    const { worst } = await runCase(device!, test);
    return { worst, left: device!.totalBytes - device!.ownBytes };
  },

  async compare(name) {
    runtime ??= await openRuntime();
    const ask = (await json(`/golden/${name}.json`)) as Ask;
    const tensors = parseSafetensors(await bytes(`/golden/${name}.safetensors`));
    return compareRecording(runtime, { name, ask, tensors, picture });
  },

  close() {
    runtime?.weights.destroy();
    device!.check();
    device!.destroy();
  },
};

Object.assign(globalThis, { harness });
