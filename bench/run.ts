/** A run of the benchmark: calibration, the tasks while their kernels are cold, then op after op. */
import { cpus, totalmem } from 'node:os';
import type { Progress } from '../node/cli/progress.ts';
import { coldDriver, languageFeatures, openDevice } from '../node/device.ts';
import { packageInfo } from '../node/package.ts';
import { type Device, OvertoneError, Timer, throwIfAborted } from '../src/engine/index.ts';
import { calibrate } from './calibrate.ts';
import { chosen, loadLists } from './cases.ts';
import { clockText, startWatch } from '../node/clock.ts';
import { measureOp } from './ops.ts';
import { PeerProcess } from './peer.ts';
import { peerVersions } from './peer_rounds.ts';
import { peerNames } from './peers/peer.ts';
import { measurePhases } from './phases.ts';
import type { BenchOptions } from './program.ts';
import type { BenchRecord, Row } from './record.ts';

export interface BenchContext {
  readonly signal: AbortSignal;
  readonly progress: Progress;
}

export async function measure(options: BenchOptions, { signal, progress }: BenchContext): Promise<BenchRecord> {
  const cases = options.ops === false ? [] : chosen(await loadLists(), options.ops, options.quick ?? false);
  const peers = options.peers ? peerNames.map((name) => new PeerProcess(name, options.clock)) : [];
  coldDriver();
  const device = await openDevice({
    dawn: ['disable-dawn-features=timestamp_quantization'],
    features: ['timestamp-query', 'shader-f16'],
  });
  const timer = await Timer.create(device, options.clock === 'wall' ? undefined : () => startWatch(options.clock));
  progress.step('Measuring the adapter', 1);
  const calibrated = await calibrate(device, timer, languageFeatures());
  try {
    const withPhases = options.phases && !options.ops;
    const modelStep = withPhases ? progress.step('Running the model', 1) : undefined;
    const model = withPhases
      ? await measurePhases(device, {
          clock: options.clock,
          model: options.model,
          imageSize: options.imageSize,
          iterations: options.iterations,
          repeats: options.quick ? 2 : 5,
          signal,
          onStep: (done, total) => modelStep?.update(done / total),
        })
      : { phases: [] };
    const rows: Row[] = [];
    const refused: Record<string, string> = {};
    const step = progress.step('Measuring ops', cases.length);
    for (const timedCase of cases) {
      throwIfAborted(signal, 'bench');
      const { quick, variants } = options;
      const settings = {
        variants,
        ...(quick ? { budget: 2500, patience: 30_000 } : { budget: 5000, patience: 90_000 }),
      };
      try {
        rows.push(await measureOp({ device, timer, calibrated, peers }, timedCase, settings));
      } catch (error) {
        // what does not fit the adapter is a fact about it; anything else is not
        if (!(error instanceof OvertoneError && ['memory', 'gpu-out-of-memory'].includes(error.code))) throw error;
        refused[`${timedCase.op} ${timedCase.test.name}`] = error.message;
      }
      step.update(rows.length + Object.keys(refused).length);
    }
    return {
      ...describe(device),
      versions: { ...ownVersions(), ...peerVersions(peers) },
      clock: clockText(options.clock, timer.usesTimestamps),
      calibration: calibrated.calibration,
      rows,
      ...(Object.keys(refused).length > 0 && { refused }),
      ...model,
    };
  } finally {
    progress.stop();
    for (const peer of peers) peer.end();
    calibrated.destroy();
    timer.destroy();
    device.destroy();
  }
}

function describe(device: Device): Pick<BenchRecord, 'adapter' | 'driver' | 'machine' | 'measured'> {
  const { vendor, architecture, device: name, description } = device.gpu.adapterInfo;
  const processors = cpus();
  return {
    adapter: [vendor, architecture, name].filter(Boolean).join(' '),
    driver: description,
    machine: `${processors.length} × ${processors[0].model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GiB, ${process.platform}`,
    measured: new Date().toISOString().slice(0, 16).replace('T', ' '),
  };
}

function ownVersions(): Record<string, string> {
  const { version, dependencies } = packageInfo();
  return { overtone: version, 'webgpu (Dawn)': dependencies.webgpu, node: process.versions.node };
}
