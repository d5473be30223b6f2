/**
 * `npm start -- <command> …`: sets up, then runs the command line (its demo without a command; or, after `--run`, another built file) in this very
 * process. There is no child to forward signals to: during set-up children.mjs owns them, afterwards the command line
 * does. npm passes SIGINT and SIGTERM on; a Ctrl-C at the terminal therefore arrives twice, within milliseconds.
 */
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { setUp } from './setup.mjs';
import { root } from './workspace.mjs';

const args = process.argv.slice(2);
const entry = resolve(root, args[0] === '--run' ? args.splice(0, 2)[1] : 'dist/node/main.js');
if (process.argv.length === 2) args.push('demo');

const unguard = await setUp('start');
unguard();
process.argv = [process.execPath, entry, ...args];
await import(pathToFileURL(entry).href);
