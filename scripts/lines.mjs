/** Prints the lines of code (no blank lines, no comment lines) of each folder, and its longest file. */
import { readFileSync } from 'node:fs';
import { join, relative } from 'node:path';
import { files, root } from './workspace.mjs';

const FOLDERS = ['shaders', 'src/engine', 'src/harmon', 'node', 'web', 'bench', 'tests', 'scripts'];
const code = (path) =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => !/^\s*($|\/\/|\/?\*)/.test(line)).length;

console.log(`${'folder'.padEnd(12)} files  lines  longest`);
let total = 0;
for (const folder of FOLDERS) {
  const counted = files(join(root, folder))
    .filter((path) => /\.(ts|tsx|mjs|css|html)$/.test(path))
    .map((path) => ({ path: relative(root, path), lines: code(path) }));
  const lines = counted.reduce((sum, file) => sum + file.lines, 0);
  const longest = counted.sort((a, b) => b.lines - a.lines)[0];
  total += lines;
  console.log(
    `${folder.padEnd(12)} ${String(counted.length).padStart(5)}  ${String(lines).padStart(5)}  ${longest ? `${longest.path} ${longest.lines}` : ''}`,
  );
}
console.log(`${'total'.padEnd(12)}        ${String(total).padStart(5)}`);
