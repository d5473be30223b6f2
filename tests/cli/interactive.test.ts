/** The session that `overtone` is without a command: line by line from a pipe, and on a terminal. */
import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { readPictureText } from '../../node/picture_text.ts';
import { MAIN, start } from './overtone.ts';

const quick = ['--no-progress', '--image-size', '32', '--num-iter', '2'];

it('does what is piped line by line, and says at the end what it could not do', async () => {
  const lines = [
    'a dog',
    '/bogus',
    '',
    '/seed 7',
    'a cat',
    '/again',
    '/edit box 0,0,16,32 a fox',
    '/save kept/狗.png',
    '/ask',
  ];
  const run = start(quick, { input: `${lines.join('\n')}\n/image kept/狗.png\r\n/quit\nnever made\n` });
  const { code, stdout, stderr } = await run.ended;
  expect(code).toBe(1);
  expect(stderr).toMatch(
    /^there is no command \/bogus: .*\nThe seed is 7 .*\novertone: 1 line could not be done, the rest is/m,
  );
  const names = readdirSync(join(run.folder, 'pictures'));
  expect(names).toEqual(expect.arrayContaining(['7-a-cat.png', '7-a-cat-2.png', '7-a-fox.png']));
  expect(names).toHaveLength(4);
  const printed = stdout.trimEnd().split('\n');
  expect(printed).toHaveLength(7);
  expect(printed[1]).toMatch(/^pictures\/7-a-cat\.png \(32×32, seed 7, /);
  const file = (name: string) => new Uint8Array(readFileSync(join(run.folder, name)));
  expect(file('pictures/7-a-cat-2.png')).toEqual(file('pictures/7-a-cat.png'));
  expect(file('kept/狗.png')).toEqual(file('pictures/7-a-fox.png'));
  expect(readPictureText(file('kept/狗.png'), 'x').record).toMatchObject({
    prompt: 'a fox',
    edit: { mask: ['#.', '#.'] },
  });
});

it('prints one JSON object for each result', async () => {
  const { stdout } = await start([...quick, '--json', '--seed', '5'], { input: 'a dog\n/ask' }).ended;
  const [made, said] = stdout
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(made).toMatchObject({ output: 'pictures/5-a-dog.png', prompt: 'a dog', seed: 5, width: 32, height: 32 });
  expect(said).toMatchObject({ question: 'Describe the image in detail.', text: expect.any(String) as string });
});

/** The session on a terminal of its own. */
function onTerminal() {
  const folder = mkdtempSync(join(tmpdir(), 'overtone-terminal-'));
  const command = `"${process.execPath}" "${MAIN}" --no-progress --seed 5`;
  const child = spawn('script', ['-qec', command, '/dev/null'], {
    cwd: folder,
    env: { ...process.env, TERM: 'xterm-256color', COLORTERM: 'truecolor', NO_COLOR: '', TERM_PROGRAM: '' },
  });
  onTestFinished(() => {
    child.kill('SIGKILL');
    rmSync(folder, { recursive: true, force: true });
  });
  let seen = '';
  child.stdout.on('data', (bytes) => (seen += String(bytes)));
  return {
    folder,
    child,
    seen: () => seen,
    ended: new Promise<number | null>((resolve) => child.on('close', resolve)),
    until: (text: string) => expect.poll(() => seen, { timeout: 30_000 }).toContain(text),
    type(text: string) {
      seen = '';
      child.stdin.write(text);
    },
  };
}

it.runIf(process.platform === 'linux')(
  'on a terminal shows the picture, and Ctrl-C stops the work but not the session',
  async () => {
    const { folder, child, seen, ended, until, type } = onTerminal();
    await until('› ');
    type('/size 1024\ra dog\r');
    await until('a dog');
    setTimeout(() => child.stdin.write('\x03'), 1500);
    await until('Stopped.');
    expect(readdirSync(folder)).toEqual(['pictures']);
    expect(readdirSync(join(folder, 'pictures'))).toEqual([]);
    type('/size 32\r/iterations 2\ra cat\r');
    await until('pictures/5-a-cat.png');
    expect(seen()).toContain('m▀');
    type('/seed -1\r/edit box 99,0,9,9 a fox\r');
    await until('/seed must be');
    await until('the box must touch the picture, which is 32×32');
    type('never made\x03/size 100\r'); // Ctrl-C drops what is typed
    await until('/size must be');
    type('\x03');
    await until('Ctrl-C once more');
    type('/quit\r');
    expect(await ended).toBe(0);
  },
);

it.runIf(process.platform === 'linux')('draws sixels where the terminal says that it shows them', async () => {
  const { seen, ended, until, type } = onTerminal();
  await until('\x1b[c');
  type('\x1b[?62;4c');
  await until('› ');
  expect(seen()).not.toContain('62;4c'); // the answer is no typed line
  type('/size 32\r/iterations 2\ra cat\r');
  await until('pictures/5-a-cat.png');
  expect(seen()).toContain('\x1bP0;1q"1;1;32;32#');
  type('/quit\r');
  expect(await ended).toBe(0);
});
