/** The packed tarball in an empty folder: `npx overtone-gpu …` runs, and the embedded model is in it. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';

const ROOT = fileURLToPath(new URL('../..', import.meta.url));
let folder: string;

/** What `npm install overtone-gpu-x.y.z.tgz` would leave, with the packages that this checkout has. */
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'overtone-package-'));
  const packed = execFileSync('npm', ['pack', '--ignore-scripts', '--json', '--pack-destination', folder], {
    cwd: ROOT,
    encoding: 'utf8',
  });
  const [{ filename }] = JSON.parse(packed) as { filename: string }[];
  const home = join(folder, 'node_modules/overtone-gpu');
  mkdirSync(home, { recursive: true });
  execFileSync('tar', ['-xzf', join(folder, filename), '-C', home, '--strip-components=1']);
  const { dependencies, optionalDependencies, bin } = JSON.parse(
    readFileSync(join(home, 'package.json'), 'utf8'),
  ) as Record<'dependencies' | 'optionalDependencies' | 'bin', Record<string, string>>;
  for (const name of Object.keys({ ...dependencies, ...optionalDependencies })) {
    mkdirSync(dirname(join(folder, 'node_modules', name)), { recursive: true });
    symlinkSync(join(ROOT, 'node_modules', name), join(folder, 'node_modules', name));
  }
  mkdirSync(join(folder, 'node_modules/.bin'));
  for (const [name, path] of Object.entries(bin)) {
    execFileSync('chmod', ['+x', join(home, path)]);
    symlinkSync(join('../overtone-gpu', path), join(folder, 'node_modules/.bin', name));
  }
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

it.each(['overtone-gpu', 'overtone'])('npx %s makes a picture with the embedded model and describes it', (name) => {
  const npx = (...args: string[]) =>
    execFileSync('npx', ['--no', name, ...args, '--no-progress'], {
      cwd: folder,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    });
  npx('text2image', '--num-iter', '1', '--timesteps', '2', '--image-size', '32', '--output', 'a b/狗.png');
  expect(existsSync(join(folder, 'a b/狗.png'))).toBe(true);
  expect(npx('info', 'a b/狗.png')).toMatch(/^Model +harmon-tiny /m);
  expect(npx('image2text', '--image', 'a b/狗.png', '--max-new-tokens', '3')).toMatch(/\S/);
});
