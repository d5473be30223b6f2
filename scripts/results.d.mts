export interface ReportedModule {
  project: string;
  file: string;
  state: string;
  error?: string;
  tests: { name: string; state: string; note?: string }[];
}
export function count(run: {
  expected: { project: string; file: string }[];
  modules: ReportedModule[];
  errors: string[];
  code: number;
  filtered?: boolean;
}): { passed: number; failed: number; failures: string[]; notRun: string[] };
