/**
 * Counts what a test run really did. A file that was expected and not reported, a test that never finished, an error
 * outside every test and a skipped test all count as failed, so a crashed worker can never look like a pass.
 */

/** A test may be left out only for what the adapter lacks: "needs shader-f16" in its title or its skip note. */
const UNSUPPORTED = /\bneeds [a-z][\w-]+/;

/**
 * `expected`: [{ project, file }] · `modules`: what reporter.mjs wrote · `errors`: of no test in particular ·
 * `code`: vitest's exit code. Returns { passed, failed, failures, notRun }: two counts, two lists of lines to print.
 */
export function count({ expected, modules, errors, code, filtered = false }) {
  const failures = [];
  const notRun = [];
  let passed = 0;
  const reported = new Map(modules.map((module) => [`[${module.project}] ${module.file}`, module]));
  for (const { project, file } of expected) {
    if (!reported.has(`[${project}] ${file}`))
      failures.push(`[${project}] ${file}: never reported, the worker crashed`);
  }
  for (const [name, module] of reported) {
    const before = failures.length;
    for (const test of module.tests) {
      const line = `${name} > ${test.name}`;
      if (test.state === 'passed') passed++;
      else if (test.state === 'skipped') {
        if (UNSUPPORTED.test(`${test.name} ${test.note ?? ''}`))
          notRun.push(`${line}${test.note ? `: ${test.note}` : ''}`);
        else if (!filtered) failures.push(`${line}: skipped`);
      } else failures.push(test.state === 'failed' ? line : `${line}: never finished`);
    }
    const finished = module.state === 'passed' || (filtered && module.state === 'skipped');
    const explained = failures.length > before || (module.state === 'skipped' && module.tests.length > 0);
    if (!finished && !explained) failures.push(`${name}: ${module.error ?? `ended as "${module.state}"`}`);
  }
  failures.push(...errors);
  if (code !== 0 && failures.length === 0) failures.push(`vitest ended with code ${code}`);
  if (passed + failures.length === 0) failures.push('no test ran');
  return { passed, failed: failures.length, failures, notRun };
}
