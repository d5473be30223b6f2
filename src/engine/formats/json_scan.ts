/**
 * A strict JSON scanner for headers from outside: the caller says what it expects next, duplicate keys are refused, integers are exact
 * and nothing recurses, so neither depth nor size can hurt.
 */

export interface JsonScan {
  /** Reads an object; `member` must consume each value. Throws through `fail` on a key that comes twice. */
  object(member: (key: string) => void): void;
  /** Reads an array; `item` must consume each value. */
  array(item: () => void): void;
  string(): string;
  /** A whole number from 0 to 2^53 − 1, written without fraction or exponent. */
  integer(): number;
  /** Consumes `null` if it is next. */
  null(): boolean;
  /** Consumes any value without keeping it; its brackets must match. */
  skip(): void;
  /** Requires that only white space is left. */
  end(): void;
}

/** A scanner over `text`; `fail` gets what is wrong, as the rest of a sentence, and must throw. */
export function scanJson(text: string, fail: (why: string) => never): JsonScan {
  let at = 0;
  const integers = /(?:0|[1-9][0-9]*)(?![0-9.eE])/y;
  const words = /true|false|null|-?[0-9][0-9.eE+-]*/y;

  function space(): void {
    for (;;) {
      const c = text.charCodeAt(at);
      if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) return;
      at++;
    }
  }
  function next(wanted: string): boolean {
    space();
    if (text[at] !== wanted) return false;
    at++;
    return true;
  }
  function expect(wanted: string, what: string): void {
    if (!next(wanted)) fail(`needs ${what} at character ${at}`);
  }

  const scan: JsonScan = {
    object(member) {
      expect('{', 'an object');
      if (next('}')) return;
      const keys = new Set<string>();
      do {
        const key = scan.string();
        if (keys.has(key)) fail(`has the key ${JSON.stringify(key.slice(0, 80))} twice`);
        keys.add(key);
        expect(':', 'a colon');
        member(key);
      } while (next(','));
      expect('}', 'a comma or the end of an object');
    },
    array(item) {
      expect('[', 'a list');
      if (next(']')) return;
      do item();
      while (next(','));
      expect(']', 'a comma or the end of a list');
    },
    string() {
      expect('"', 'a string');
      const from = at;
      let plain = true;
      for (; ; at++) {
        const c = text.charCodeAt(at);
        if (c === 0x22) break;
        if (!(c >= 0x20)) return fail(`has a string that does not end, or a control character, at character ${at}`);
        if (c === 0x5c) {
          plain = false;
          at++;
        }
      }
      const raw = text.slice(from, at++);
      if (plain) return raw;
      let value: string;
      try {
        value = JSON.parse(`"${raw}"`) as string;
      } catch {
        return fail(`has a wrong escape in the string at character ${from}`);
      }
      if (/[\uD800-\uDBFF](?![\uDC00-\uDFFF])|(?<![\uD800-\uDBFF])[\uDC00-\uDFFF]/.test(value))
        fail(`has half a character in the string at character ${from}`);
      return value;
    },
    integer() {
      space();
      integers.lastIndex = at;
      const match = integers.exec(text);
      const value = match ? Number(match[0]) : NaN;
      if (!Number.isSafeInteger(value)) return fail(`needs a whole number from 0 to 2^53 - 1 at character ${at}`);
      at = integers.lastIndex;
      return value;
    },
    null() {
      space();
      if (!text.startsWith('null', at)) return false;
      at += 4;
      return true;
    },
    skip() {
      const open: string[] = [];
      do {
        space();
        const c = text[at];
        if (c === '"') scan.string();
        else if (c === '{' || c === '[') open.push(text[at++]);
        else if (c === '}' || c === ']') {
          if (open.pop() !== (c === '}' ? '{' : '[')) fail(`has a bracket too many at character ${at}`);
          at++;
        } else if (open.length && (c === ',' || c === ':')) at++;
        else {
          words.lastIndex = at;
          if (!words.test(text)) fail(`needs a value at character ${at}`);
          at = words.lastIndex;
        }
      } while (open.length);
    },
    end() {
      space();
      if (at !== text.length) fail(`goes on after its end, at character ${at}`);
    },
  };
  return scan;
}
