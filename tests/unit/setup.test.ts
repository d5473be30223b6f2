/** Set-up's reading of apt sources, and the counting of test results: a crash or a silent skip must count as failed. */
import { describe, expect, test } from 'vitest';
import {
  backportsSource,
  debianMirror,
  hasBackports,
  parseDeb822,
  parseOneLine,
  parseOsRelease,
} from '../../scripts/apt.mjs';
import { count } from '../../scripts/results.mjs';
import type { ReportedModule } from '../../scripts/results.mjs';

const DEB822 = `# the image's own sources
Types: deb deb-src
URIs: https://mirror.example/debian
Suites: bookworm bookworm-updates
# a comment inside
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: https://mirror.example/debian-security
Suites: bookworm-security
Components: main
`;

describe('apt sources', () => {
  test('the backports source repeats the mirror and the key of a deb822 source', () => {
    const sources = parseDeb822(DEB822);
    expect(sources.map((source) => source.uri)).toEqual([
      'https://mirror.example/debian',
      'https://mirror.example/debian-security',
    ]);
    expect(backportsSource(debianMirror(sources, 'bookworm')!, 'bookworm')).toBe(
      'Types: deb\nURIs: https://mirror.example/debian\nSuites: bookworm-backports\nComponents: main\n' +
        'Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n',
    );
  });

  test('a one-line source gives its options as fields', () => {
    const sources = parseOneLine(
      '# deb http://old.example/debian bookworm main\n' +
        'deb-src http://mirror.example/debian bookworm main\n' +
        'deb [arch=amd64,arm64 signed-by=/k.gpg lang=en] http://mirror.example/debian/ bookworm main non-free # here\n',
    );
    expect(sources).toHaveLength(1);
    expect(backportsSource(debianMirror(sources, 'bookworm')!, 'bookworm')).toBe(
      'Types: deb\nURIs: http://mirror.example/debian/\nSuites: bookworm-backports\nComponents: main\n' +
        'Architectures: amd64 arm64\nSigned-By: /k.gpg\n',
    );
  });

  test('a third-party archive with the same suite name is not the mirror', () => {
    const redis = parseOneLine('deb http://packages.example/deb bookworm main');
    expect(debianMirror(redis, 'bookworm')).toBeUndefined();
    expect(debianMirror([...redis, ...parseDeb822(DEB822)], 'bookworm')?.uri).toBe('https://mirror.example/debian');
  });

  test.each([
    ['disabled', `Enabled: no\n${DEB822.split('\n\n')[0]}`],
    ['of sources only', 'Types: deb-src\nURIs: http://m.example/debian\nSuites: bookworm\nComponents: main'],
    ['of another release', 'Types: deb\nURIs: http://m.example/debian\nSuites: trixie\nComponents: main'],
    ['without main', 'Types: deb\nURIs: http://m.example/debian\nSuites: bookworm\nComponents: contrib'],
    ['for security', 'Types: deb\nURIs: http://m.example/debian-security\nSuites: bookworm\nComponents: main'],
  ])('a source %s is not the mirror', (_, text) => {
    expect(debianMirror(parseDeb822(text), 'bookworm')).toBeUndefined();
  });

  test('a key written inline is carried over, line by line', () => {
    const key = 'Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQINBF==\n';
    const [source] = parseDeb822(
      `Types: deb\nURIs: http://m.example/debian\nSuites: bookworm\nComponents: main\n${key}`,
    );
    expect(backportsSource(source, 'bookworm')).toContain('\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n mQINBF==\n');
  });

  test('backports that are there already are seen', () => {
    expect(hasBackports(parseDeb822(DEB822), 'bookworm')).toBe(false);
    expect(hasBackports(parseOneLine('deb http://m.example/debian bookworm-backports main'), 'bookworm')).toBe(true);
  });

  test('os-release names the system, its family and its release', () => {
    expect(
      parseOsRelease('PRETTY_NAME="Mint"\nID=linuxmint\nID_LIKE="ubuntu debian"\nVERSION_CODENAME=wilma\n'),
    ).toEqual({
      id: 'linuxmint',
      like: ['linuxmint', 'ubuntu', 'debian'],
      codename: 'wilma',
    });
    expect(parseOsRelease('')).toEqual({ id: '', like: [''], codename: '' });
  });
});

describe('counting', () => {
  const file = 'tests/gpu/a.test.ts';
  const expected = [{ project: 'lavapipe', file }];
  const ended = (state: string, ...tests: ReportedModule['tests']) => [{ project: 'lavapipe', file, state, tests }];
  const run = (modules: ReportedModule[], more: { errors?: string[]; code?: number; filtered?: boolean } = {}) =>
    count({ expected, modules, errors: [], code: 0, ...more });

  test('passed and failed tests are counted', () => {
    const modules = ended('failed', { name: 'a', state: 'passed' }, { name: 'b', state: 'failed' });
    expect(run(modules, { code: 1 })).toMatchObject({ passed: 1, failed: 1, failures: [`[lavapipe] ${file} > b`] });
  });

  test('a file that never reported is failed', () => {
    expect(run([])).toMatchObject({ passed: 0, failed: 1 });
  });

  test('a test that never finished is failed', () => {
    const modules = ended('pending', { name: 'a', state: 'passed' }, { name: 'b', state: 'pending' });
    expect(run(modules)).toMatchObject({ passed: 1, failed: 1 });
  });

  test('a file that fails outside its tests is failed', () => {
    expect(run(ended('failed', { name: 'a', state: 'passed' }), { code: 1 })).toMatchObject({ passed: 1, failed: 1 });
  });

  test('a skip is failed unless it names what the adapter lacks', () => {
    const modules = ended(
      'passed',
      { name: 'a', state: 'passed' },
      { name: 'half, needs shader-f16', state: 'skipped' },
      { name: 'b', state: 'skipped', note: 'needs subgroups' },
      { name: 'c', state: 'skipped' },
    );
    expect(run(modules)).toMatchObject({ passed: 1, failed: 1, failures: [`[lavapipe] ${file} > c: skipped`] });
    expect(run(modules).notRun).toHaveLength(2);
    expect(run(modules, { filtered: true })).toMatchObject({ passed: 1, failed: 0 });
  });

  test('an error outside every test, a bad exit code and an empty run are failed', () => {
    const modules = ended('passed', { name: 'a', state: 'passed' });
    expect(run(modules, { errors: ['floating'], code: 1 })).toMatchObject({ passed: 1, failed: 1 });
    expect(run(modules, { code: 134 })).toMatchObject({ passed: 1, failed: 1 });
    expect(count({ expected: [], modules: [], errors: [], code: 0 })).toMatchObject({ passed: 0, failed: 1 });
  });
});
