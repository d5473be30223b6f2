/** `npm run bench -- …`: sets up, with the engines to compare with unless they are not wanted, then runs the benchmark in this process. */
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { setUp } from './setup.mjs';
import { root } from './workspace.mjs';

const args = process.argv.slice(2);
const alone =
  ['--no-peers', '--help', '-h'].some((flag) => args.includes(flag)) || args.some((arg) => arg.startsWith('--from'));

const unguard = await setUp(alone ? 'start' : 'peers');
unguard();
await import(pathToFileURL(join(root, 'dist/bench/main.js')).href);
