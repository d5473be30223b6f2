export interface Source {
  uri: string;
  suites: string[];
  components: string[];
  extra: [field: string, value: string][];
}
export function parseDeb822(text: string): Source[];
export function parseOneLine(text: string): Source[];
export function debianMirror(sources: Source[], codename: string): Source | undefined;
export function hasBackports(sources: Source[], codename: string): boolean;
export function backportsSource(mirror: Source, codename: string): string;
export function parseOsRelease(text: string): { id: string; like: string[]; codename: string };
