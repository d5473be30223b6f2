/**
 * For pages whose security policy asks for Trusted Types: scripts come from this page's own host, and nothing makes HTML or code of text. Called
 * first; does nothing where the browser has no such thing.
 */
interface Policies {
  createPolicy(name: 'default', rules: { createScriptURL(address: string): string }): unknown;
}

export function allowOwnScripts(): void {
  const { trustedTypes } = globalThis as { trustedTypes?: Policies };
  trustedTypes?.createPolicy('default', {
    createScriptURL(address) {
      const { origin, href } = new URL(address, document.baseURI);
      if (origin !== location.origin) throw new TypeError(`a script must come from ${location.origin} but is ${href}`);
      return href;
    },
  });
}
