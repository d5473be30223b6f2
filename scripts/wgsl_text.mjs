/**
 * A plugin of the build: kernels without the comments and the indentation of their text, which no minifier takes out of a string. Lines stay, so
 * that a driver's message points at the line of the source.
 */
import ts from 'typescript';

export const wgslText = {
  name: 'wgsl-text',
  transform: (code, id) => (/[\\/]shaders[\\/]\w+\.ts$/.test(id) ? stripped(code) : undefined),
};

/** The code of a shader's module with the texts of its templates stripped. A comment with a value in it stays. */
export function stripped(code) {
  const file = ts.createSourceFile('shader.ts', code, ts.ScriptTarget.Latest, false);
  const edits = [];
  const visit = (node) => {
    if (ts.isTemplateLiteralToken(node) || ts.isNoSubstitutionTemplateLiteral(node))
      edits.push([node.getStart(file), node.end]);
    ts.forEachChild(node, visit);
  };
  visit(file);
  return edits
    .sort(([a], [b]) => b - a)
    .reduce((text, [start, end]) => text.slice(0, start) + short(text.slice(start, end)) + text.slice(end), code);
}

const short = (text) => text.replace(/[ \t]*\/\/[^\n]*(?=\n|`$)/g, '').replace(/\n[ \t]+/g, '\n');
