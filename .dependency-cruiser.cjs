/** Imports go one way: shaders ← src/engine/ops ← src/engine ← src/harmon ← { node, web } ← { bench, tests }. */
const to = (...folders) => ({ path: folders.map((folder) => `^${folder}/`) });
const rule = (name, from, target, comment) => ({ name, severity: 'error', comment, from, to: target });

module.exports = {
  forbidden: [
    rule(
      'no-cycles',
      {},
      { circular: true, viaOnly: { dependencyTypesNot: ['type-only'] } },
      'Types may name each other; code that needs each other is one idea, or needs a third file.',
    ),
    rule(
      'shaders-alone',
      to('shaders'),
      { pathNot: ['^shaders/', 'wgsl-preprocessor', '^src/platform\\.d\\.ts$'] },
      'A kernel is a function of its options that returns text.',
    ),
    rule(
      'ops-below-the-engine',
      to('src/engine/ops'),
      { path: '^src/engine/(index|plan|memory|session|device|stream|weights)\\.ts$' },
      'An op describes itself; plans and sessions come after it.',
    ),
    rule(
      'engine-alone',
      to('src/engine'),
      to('src/harmon', 'node', 'web', 'bench', 'tests'),
      'The engine knows no model.',
    ),
    rule(
      'harmon-on-engine',
      to('src/harmon'),
      to('shaders', 'node', 'web', 'bench', 'tests'),
      'The model runs anywhere.',
    ),
    rule('node-below-tests', to('node'), to('shaders', 'web', 'bench', 'tests'), 'Node and page are siblings.'),
    rule('web-below-tests', to('web'), to('shaders', 'node', 'bench', 'tests'), 'Node and page are siblings.'),
    rule(
      'engine-by-its-front-door',
      to('src/harmon', 'node', 'web'),
      { path: '^src/engine/', pathNot: '^src/engine/index\\.ts$' },
      'What others need of the engine is exported by its index.',
    ),
    rule('src-runs-anywhere', to('src', 'shaders'), { dependencyTypes: ['core'] }, 'No Node builtins in src.'),
    // The other engines of the benchmark have a package.json of their own and are installed when it is asked for.
    rule(
      'nothing-unresolved',
      { pathNot: '^bench/peers/' },
      { couldNotResolve: true },
      'Every import must lead somewhere.',
    ),
    rule('no-undeclared-packages', {}, { dependencyTypes: ['npm-no-pkg', 'npm-unknown'] }, 'Packages are declared.'),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^(dist|scripts|models|out|examples)/' },
    tsPreCompilationDeps: true,
    enhancedResolveOptions: {
      extensions: ['.ts', '.tsx', '.d.ts', '.js', '.mjs'],
      exportsFields: ['exports'],
      conditionNames: ['import', 'types', 'default'],
    },
  },
};
