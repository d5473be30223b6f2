/** What every script shares: where the project lies, where set-up keeps its log and stamps, and how it speaks. */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = resolve(dirname(fileURLToPath(import.meta.url)), '..');

/** Git-ignored folder for the log, the lock and test results; unlike node_modules, npm ci leaves it alone. */
export const state = join(root, '.overtone');

/** Everything that npm, apt and the build print. */
export const LOG = join(state, 'setup.log');

/** A set-up that cannot go on; its message is one sentence with the cure. */
export class SetupError extends Error {}

/** Progress goes to stderr: stdout belongs to the command. */
export const say = (line) => process.stderr.write(`overtone: ${line}\n`);

/** The text of a file, empty where there is none. */
export const read = (path) => (existsSync(path) ? readFileSync(path, 'utf8') : '');

/** All files under a folder but those of installed packages, sorted; none where there is no folder. */
export const files = (folder) =>
  existsSync(folder)
    ? readdirSync(folder, { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && !entry.name.startsWith('.'))
        .map((entry) => join(entry.parentPath, entry.name))
        .filter((path) => !relative(folder, path).split(sep).includes('node_modules'))
        .sort()
    : [];

/** A remembered fact, kept inside node_modules so that it goes when the packages go. */
export function stamp(name) {
  const path = join(root, 'node_modules/.cache/overtone', name);
  const digest = (facts) => createHash('sha256').update(facts).digest('hex');
  return {
    matches: (facts) => read(path) === digest(facts),
    clear: () => rmSync(path, { force: true }),
    write: (facts) => {
      mkdirSync(dirname(path), { recursive: true });
      writeFileSync(path, digest(facts));
    },
  };
}
