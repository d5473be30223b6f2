/** The few globals that every runtime has and ECMAScript does not name: src/ may use these and nothing else of the platform. */
declare module 'wgsl-preprocessor/wgsl-preprocessor.js' {
  export function wgsl(strings: TemplateStringsArray, ...values: unknown[]): string;
}
