/** The kernels' benchmark: started here, its rows as they come, copied as text, and laid beside another's. */
import { useState } from 'preact/hooks';
import { benchmark, startBenchmark, stopBenchmark } from '../benchmark.ts';
import { type BenchRecord, benchText, parseBench, timeText, timesFaster } from '../logic/bench_record.ts';
import { Copyable } from './share_dialog.tsx';

export function BenchPanel() {
  const now = benchmark.value;
  const [pasted, setPasted] = useState('');
  const other = pasted.trim() === '' ? undefined : parseBench(pasted);
  return (
    <section class="bench" aria-label="Kernels">
      <header>
        <h3>
          Kernels <small>one shape of each op, median of three rounds</small>
        </h3>
        {now?.running ? (
          <button type="button" class="quiet" onClick={stopBenchmark}>
            Stop
          </button>
        ) : (
          <button type="button" class="quiet" onClick={startBenchmark}>
            Run the benchmark
          </button>
        )}
      </header>
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
  return (
    <div class="table-frame" tabIndex={0} role="region" aria-label="Times of the kernels">
      <table>
        <thead>
          <tr>
            <th scope="col">Op</th>
            <th scope="col">Shape</th>
            <th scope="col">On the device</th>
            <th scope="col">One call</th>
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
              <td>{row.gflops.toPrecision(3)}</td>
              <td>{row.gbps.toPrecision(3)}</td>
              {other && <td>{timesFaster(row, other)?.toFixed(2).concat('×') ?? '–'}</td>}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
