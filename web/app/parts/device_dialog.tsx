/** The adapter, what it can do, what is in its memory, and where the time of the last runs went. */
import { useEffect, useState } from 'preact/hooks';
import type { DeviceInfo, MemoryUse, Timings } from '../../index.ts';
import { bytesText } from '../logic/bytes_text.ts';
import { openedModel } from '../model.ts';
import { DialogFrame } from './dialog_frame.tsx';
import { BenchPanel } from './bench_panel.tsx';
import { PhasesChart } from './phases_chart.tsx';

interface Facts {
  readonly info: DeviceInfo;
  readonly memory: MemoryUse;
  readonly timings: Timings;
}

const OFTEN = 1000;

export function DeviceDialog() {
  const [facts, setFacts] = useState<Facts>();
  const opened = openedModel();
  useEffect(() => {
    if (!opened) return undefined;
    let open = true;
    const { harmon } = opened;
    const read = async () => {
      const [info, memory, timings] = await Promise.all([harmon.deviceInfo(), harmon.memory(), harmon.timings()]);
      if (open) setFacts({ info, memory, timings });
    };
    const quietly = () => void read().catch(() => undefined);
    quietly();
    const timer = setInterval(quietly, OFTEN);
    return () => {
      open = false;
      clearInterval(timer);
    };
  }, [opened]);
  return (
    <DialogFrame title="Device" wide>
      {!opened && <p>No model is open, so no device is in use.</p>}
      {facts && <DeviceFacts {...facts} />}
      <BenchPanel />
    </DialogFrame>
  );
}

function DeviceFacts({ info, memory, timings }: Facts) {
  return (
    <>
      <p class="device-name">
        {info.description} {info.software && <span class="chip">software</span>}
      </p>
      <section aria-label="GPU memory">
        <h3>
          GPU memory{' '}
          <small>
            <data value={memory.total}>{bytesText(memory.total)}</data> in use, {bytesText(memory.peak)} at most so far
          </small>
        </h3>
        <MemoryBar memory={memory} />
      </section>
      <section aria-label="Time of the last runs">
        <h3>Time of the last runs</h3>
        <PhasesChart timings={timings} />
      </section>
      <details>
        <summary>Features ({info.features.length})</summary>
        <ul class="features">
          {info.features.map((name) => (
            <li key={name}>{name}</li>
          ))}
        </ul>
      </details>
      <details>
        <summary>Limits</summary>
        <dl class="facts">
          {Object.entries(info.limits).map(([name, value]) => (
            <div key={name}>
              <dt>{name}</dt>
              <dd>{value.toLocaleString('en')}</dd>
            </div>
          ))}
        </dl>
      </details>
    </>
  );
}

function MemoryBar({ memory }: { memory: MemoryUse }) {
  const parts = Object.entries(memory.bytes).filter(([, bytes]) => bytes > 0);
  return (
    <>
      <div class="memory-bar" aria-hidden="true">
        {parts.map(([purpose, bytes], i) => (
          <span key={purpose} class={`part-${i % 6}`} style={{ flexGrow: bytes }} />
        ))}
      </div>
      <ul class="legend">
        {parts.map(([purpose, bytes], i) => (
          <li key={purpose}>
            <span class={`swatch part-${i % 6}`} aria-hidden="true" />
            {purpose} {bytesText(bytes)}
          </li>
        ))}
        {memory.heap !== undefined && <li>JavaScript heap {bytesText(memory.heap)}</li>}
      </ul>
    </>
  );
}
