/** Records on disk and as a page. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { readRecord, recordText } from '../../../bench/record_file.ts';
import { reportPage } from '../../../bench/report.ts';
import { record, row } from './records.ts';

const full = record({
  rows: [
    row({ peers: { tfjs: 40, 'jax-js': 8 } }),
    row({ op: 'silu', shape: '<8×8>', gflops: 1, bound: 'memory', failed: { tfjs: 'a & b' } }),
  ],
  phases: [
    {
      task: 'image2text',
      what: '128×128, “What?”',
      first: 5,
      seconds: 1,
      firstToken: 0.6,
      tokensPerSecond: 20,
      dispatches: 9,
      passes: [{ pass: 'see', kernel: 'conv2d', dispatches: 9, ms: 300 }],
    },
  ],
  memory: { peak: 5e7, alive: { weights: 2e7 } },
});

describe('the page', () => {
  const page = reportPage(full);

  it('holds everything and fetches nothing', () => {
    expect(page).not.toMatch(/<script|<link|<img|@import|src=/);
    expect(page.match(/https?:[^"<\s]*/g)?.every((url) => url.startsWith('http://www.w3.org/'))).not.toBe(false);
    expect(page.match(/<svg/g)!.length).toBeGreaterThanOrEqual(4);
  });

  it('escapes what it is given', () => {
    expect(page).toContain('an adapter &lt;of tests&gt;');
    expect(page).not.toContain('<of tests>');
    expect(page).toContain('tfjs, silu &lt;8×8&gt;: a &amp; b');
  });

  it('says the figures', () => {
    for (const text of ['20 tokens/s', '5×', '50 MB', 'jax-js']) expect(page).toContain(text);
  });

  it('says what an adapter refused', () => {
    const refused = { 'linear 1×2': 'a binding holds <128>' };
    expect(reportPage({ ...full, refused })).toContain('<p>Not measured: linear 1×2: a binding holds &lt;128&gt;</p>');
  });

  it('stands without ops and without tasks', () => {
    expect(reportPage(record({ rows: [] }))).not.toContain('<svg');
  });
});

describe('the file', () => {
  let folder: string;
  beforeAll(() => {
    folder = mkdtempSync(join(tmpdir(), 'overtone-bench-'));
  });
  afterAll(() => rmSync(folder, { recursive: true }));
  const file = (text: string) => {
    const path = join(folder, 'record.json');
    writeFileSync(path, text);
    return path;
  };

  it('comes back as it was', async () => {
    expect(await readRecord(file(recordText(full)))).toEqual(full);
    expect(recordText(record({ rows: [row({ ms: 1 / 3 })] }))).toContain('"ms": 0.33333,');
  });

  it('is refused when it is something else', async () => {
    await expect(readRecord(join(folder, 'none.json'))).rejects.toThrow(/none\.json: cannot be read: /);
    await expect(readRecord(file('{'))).rejects.toThrow('must be the JSON of a benchmark but');
    for (const text of ['3', 'null', '{}', '{"rows":[{}],"phases":[],"calibration":{"f32":1}}'])
      await expect(readRecord(file(text))).rejects.toThrow('lacks its rows: make one with --json');
  });
});
