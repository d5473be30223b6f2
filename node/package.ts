/** Files that come with the package, found from the sources, from dist and from an installed package alike. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { FileError } from '../src/engine/index.ts';

/** Path of a file of the package, `path` relative to its root. @throws FileError when the package lacks it. */
export function packageFile(path: string): string {
  for (let at = dirname(fileURLToPath(import.meta.url)); ; at = dirname(at)) {
    const file = join(at, path);
    if (existsSync(file)) return file;
    if (at === dirname(at)) throw new FileError(`${path} is missing from this package: install overtone-gpu again`);
  }
}

export interface PackageInfo {
  readonly version: string;
  /** Exact versions. */
  readonly dependencies: Readonly<Record<string, string>>;
}

/** What this package says of itself. */
export const packageInfo = (): PackageInfo =>
  (info ??= JSON.parse(readFileSync(packageFile('package.json'), 'utf8')) as PackageInfo);

let info: PackageInfo | undefined;
