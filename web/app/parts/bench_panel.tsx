/** The kernels' benchmark: started here, its rows as they come, copied as text, and laid beside another's. */
import { useState } from 'preact/hooks';
import { benchmark, hasPeers, startBenchmark, stopBenchmark } from '../benchmark.ts';
import { type BenchRecord, benchText, fastestPeer, parseBench, timeText, timesFaster } from '../logic/bench_record.ts';
import { Copyable } from './share_dialog.tsx';

export function BenchPanel() {
  const now = benchmark.value;
  const [pasted, setPasted] = useState('');
  const [beside, setBeside] = useState(false);
  const other = pasted.trim() === '' ? undefined : parseBench(pasted);
  return (
    <section class="bench" aria-label="Kernels">
      <header>
        <h3>
          Kernels <small>one shape of each op</small>
        </h3>
        {now?.running ? (
          <button type="button" class="quiet" onClick={stopBenchmark}>
            Stop
          </button>
        ) : (
          <button type="button" class="quiet" onClick={() => startBenchmark({ peers: beside })}>
            Run the benchmark
          </button>
        )}
      </header>
      {hasPeers ? (
        <label class="check">
          <input type="checkbox" checked={beside} onChange={(event) => setBeside(event.currentTarget.checked)} />
          Beside onnxruntime-web, tfjs and jax-js (loads 28 MB from this host, and takes minutes)
        </label>
      ) : (
        <p>
          <small>Other engines to measure beside are not part of this build of the page.</small>
        </p>
      )}
      {now?.running && (
        <progress
          aria-label="Ops measured"
          value={now.total === 0 ? undefined : now.rows.length + now.failed.length}
          max={now.total || 1}
        />
      )}
      {now && now.rows.length > 0 && <BenchTable record={now} other={typeof other === 'object' ? other : undefined} />}
      {now?.failed.map((why) => (
        <p class="warning" key={why}>
          {why}
        </p>
      ))}
      {now && !now.running && now.rows.length > 0 && (
        <>
          <label class="field">
            <span>Another’s result, to lay beside it</span>
            <textarea
              class="pasted"
              rows={2}
              value={pasted}
              placeholder="Paste a copied result"
              onInput={(event) => setPasted(event.currentTarget.value)}
            />
          </label>
          {typeof other === 'string' && (
            <p class="warning" role="alert">
              {other}
            </p>
          )}
          <Copyable name="Result" text={benchText(now)} />
        </>
      )}
    </section>
  );
}

function BenchTable({ record, other }: { record: BenchRecord; other: BenchRecord | undefined }) {
  const peers = [
    ...new Set(record.rows.flatMap(({ peers = {}, failed = {} }) => Object.keys({ ...peers, ...failed }))),
  ];
  return (
    <div class="table-frame" tabIndex={0} role="region" aria-label="Times of the kernels">
      <table>
        <thead>
          <tr>
            <th scope="col">Op</th>
            <th scope="col">Shape</th>
            <th scope="col">On the device</th>
            <th scope="col">One call</th>
            {peers.map((name) => (
              <th scope="col" key={name}>
                {name} {record.versions[name]}
              </th>
            ))}
            {peers.length > 0 && <th scope="col">Faster by</th>}
            <th scope="col">GFLOP/s</th>
            <th scope="col">GB/s</th>
            {other && <th scope="col">Faster than {other.adapter}</th>}
          </tr>
        </thead>
        <tbody>
          {record.rows.map((row) => (
            <tr key={row.op} title={row.variant}>
              <th scope="row">{row.op}</th>
              <td>{row.shape}</td>
              <td>{timeText(row.ms)}</td>
              <td>{timeText(row.call)}</td>
              {peers.map((name) => (
                <td key={name} title={row.failed?.[name]}>
                  {row.peers?.[name] !== undefined ? timeText(row.peers[name]) : row.failed?.[name] ? 'fails' : '–'}
                </td>
              ))}
              {peers.length > 0 && <td>{ratioText(fastestPeer(row)?.times)}</td>}
              <td>{row.gflops.toPrecision(3)}</td>
              <td>{row.gbps.toPrecision(3)}</td>
              {other && <td>{ratioText(timesFaster(row, other))}</td>}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

const ratioText = (times: number | undefined) => (times === undefined ? '–' : `${times.toFixed(2)}×`);
