/** The content security policy of the built page, which it carries itself: any static host will do. */
import type { Plugin } from 'vite';

/**
 * Scripts, styles and workers are files of the host; nothing inline, nothing evaluated. `connect-src` must name https: for the models that somebody
 * gives an address of; nothing else uses it. Pictures that were made are blobs. `frame-ancestors` works in a header only.
 */
const POLICY = {
  'default-src': "'none'",
  'script-src': "'self'",
  'style-src': "'self'",
  'img-src': "'self' blob:",
  'connect-src': "'self' https:",
  'worker-src': "'self'",
  'manifest-src': "'self'",
  'base-uri': "'none'",
  'form-action': "'none'",
  'require-trusted-types-for': "'script'",
  'trusted-types': 'default',
};

/** Writes the policy into the built page. The development server has none: it injects styles and scripts. */
export const policy = (): Plugin => ({
  name: 'overtone-policy',
  apply: 'build',
  transformIndexHtml: () => [
    {
      tag: 'meta',
      injectTo: 'head-prepend',
      attrs: {
        'http-equiv': 'Content-Security-Policy',
        content: Object.entries(POLICY)
          .map((rule) => rule.join(' '))
          .join('; '),
      },
    },
  ],
});
