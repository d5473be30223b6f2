/** A vitest reporter that writes the run, per project and file, to the path in OVERTONE_RESULTS for results.mjs to count. */
import { writeFileSync } from 'node:fs';

export default class {
  onTestRunStart(specifications) {
    this.expected = specifications.map(({ project, moduleId }) => ({
      project: project.name,
      file: this.relative(moduleId),
    }));
  }

  onInit(vitest) {
    this.relative = (path) => path.replaceAll('\\', '/').replace(`${vitest.config.root}/`, '');
  }

  onTestRunEnd(modules, errors) {
    const run = {
      expected: this.expected,
      modules: modules.map((module) => ({
        project: module.project.name,
        file: this.relative(module.moduleId),
        state: module.state(),
        error: module.errors()[0]?.message,
        tests: [...module.children.allTests()].map((test) => {
          const { state, note } = test.result();
          return { name: test.fullName, state, note };
        }),
      })),
      errors: errors.map((error) => `outside every test: ${error.message} ${error.cause?.message ?? ''}`.trim()),
    };
    writeFileSync(process.env.OVERTONE_RESULTS, JSON.stringify(run));
  }
}
