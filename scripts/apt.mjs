/**
 * What set-up needs to know of apt: reads the machine's own package sources (deb822 and one-line form) and writes
 * the backports source of the same mirror. Pure functions of text; setup.mjs does the reading, writing and installing.
 */

/** One-line option names and the deb822 fields they stand for. */
const OPTION_FIELDS = {
  'signed-by': 'Signed-By',
  arch: 'Architectures',
  trusted: 'Trusted',
  'check-valid-until': 'Check-Valid-Until',
};

const words = (text = '') => text.split(/\s+/).filter(Boolean);

/** Sources of a `*.sources` file; `extra` keeps the fields that a new source on that mirror must repeat (Signed-By …). */
export function parseDeb822(text) {
  const sources = [];
  const lines = text.split('\n').filter((line) => !line.startsWith('#'));
  for (const stanza of lines.join('\n').split(/\n(?:[ \t]*\n)+/)) {
    const fields = new Map();
    let name = '';
    for (const line of stanza.split('\n')) {
      const field = /^([A-Za-z][\w-]*):[ \t]*(.*)$/.exec(line);
      if (field) fields.set((name = field[1].toLowerCase()), field[2].trimEnd());
      else if (name && /^[ \t]/.test(line)) fields.set(name, `${fields.get(name)}\n${line}`); // a key may be written inline
    }
    if (!fields.has('uris') || !words(fields.get('types')).includes('deb') || fields.get('enabled') === 'no') continue;
    const extra = Object.values(OPTION_FIELDS)
      .filter((key) => fields.has(key.toLowerCase()))
      .map((key) => [key, fields.get(key.toLowerCase())]);
    const [uris, suites, components] = ['uris', 'suites', 'components'].map((key) => words(fields.get(key)));
    sources.push(...uris.map((uri) => ({ uri, suites, components, extra })));
  }
  return sources;
}

/** Sources of a `*.list` file. */
export function parseOneLine(text) {
  return text.split('\n').flatMap((line) => {
    const found = /^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s+([^#]*)/.exec(line);
    if (!found) return [];
    const extra = words(found[1])
      .map((option) => option.split('='))
      .filter(([key]) => key in OPTION_FIELDS)
      .map(([key, value]) => [OPTION_FIELDS[key], value.replaceAll(',', ' ')]);
    return [{ uri: found[2], suites: [found[3]], components: words(found[4]), extra }];
  });
}

/** The source that is Debian's own archive of this release, or undefined; third-party archives may use the same suite name. */
export function debianMirror(sources, codename) {
  const likeness = (source) =>
    (/\/debian(\/|$)/.test(source.uri) ? 2 : 0) +
    (source.extra.some(([, value]) => value.includes('debian-archive')) ? 2 : 0) +
    (sources.some((s) => s.uri === source.uri && s.suites.includes(`${codename}-updates`)) ? 2 : 0);
  const fits = (s) => s.suites.includes(codename) && s.components.includes('main') && !/security|^cdrom:/.test(s.uri);
  return sources.filter((source) => fits(source) && likeness(source) > 0).sort((a, b) => likeness(b) - likeness(a))[0];
}

/** True when one of the sources already is this release's backports. */
export const hasBackports = (sources, codename) =>
  sources.some((s) => s.suites.includes(`${codename}-backports`) && s.components.includes('main'));

/** The text of a `*.sources` file for the backports of `codename` on `mirror`. */
export function backportsSource(mirror, codename) {
  const fields = [
    ['Types', 'deb'],
    ['URIs', mirror.uri],
    ['Suites', `${codename}-backports`],
    ['Components', 'main'],
    ...mirror.extra,
  ];
  return fields.map(([key, value]) => `${key}: ${value}\n`).join('');
}

/** os-release text → { id, like, codename }. */
export function parseOsRelease(text) {
  const value = (key) => new RegExp(`^${key}="?([^"\n]*)"?$`, 'm').exec(text)?.[1] ?? '';
  return { id: value('ID'), like: [value('ID'), ...words(value('ID_LIKE'))], codename: value('VERSION_CODENAME') };
}
