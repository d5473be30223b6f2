/**
 * `npm start -- <command> …`: sets up, then runs the command line in this very process: its demo when there is no
 * command, another built file after `--run`. So there is no child to forward signals to: during set-up children.mjs
 * owns them, afterwards the command line does. npm passes SIGINT and SIGTERM on, so a Ctrl-C at the terminal arrives
 * twice within milliseconds, and the command line takes such an echo for one.
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
