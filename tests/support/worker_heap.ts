/** The heap of a page's worker, from the outside. */
import type { CDPSession, Page } from 'playwright-core';

interface Heap {
  /** Bytes of JavaScript's objects and of what they hold beside the heap, after a garbage collection. */
  read(): Promise<number>;
  close(): Promise<void>;
}

/** Attaches to the dedicated worker called `name`. */
export async function workerHeap(page: Page, name: string): Promise<Heap> {
  const session = await page.context().newCDPSession(page);
  const id = await attached(session, name);
  let calls = 0;
  const waiting = new Map<number, (result: unknown) => void>();
  session.on('Target.receivedMessageFromTarget', ({ message }) => {
    const reply = JSON.parse(message) as { id: number; result: unknown };
    waiting.get(reply.id)?.(reply.result);
  });
  const ask = <T>(method: string) =>
    new Promise<T>((resolve, reject) => {
      const message = JSON.stringify({ id: ++calls, method });
      waiting.set(calls, (result) => resolve(result as T));
      session.send('Target.sendMessageToTarget', { sessionId: id, message }).catch(reject);
    });
  return {
    async read() {
      await ask('HeapProfiler.collectGarbage');
      const { usedSize, backingStorageSize = 0 } = await ask<{ usedSize: number; backingStorageSize?: number }>(
        'Runtime.getHeapUsage',
      );
      return usedSize + backingStorageSize;
    },
    close: () => session.detach(),
  };
}

function attached(session: CDPSession, name: string): Promise<string> {
  return new Promise((resolve, reject) => {
    session.on('Target.attachedToTarget', ({ sessionId, targetInfo }) => {
      if (targetInfo.type === 'worker' && targetInfo.title === name) resolve(sessionId);
    });
    const how = { autoAttach: true, waitForDebuggerOnStart: false, flatten: false };
    session.send('Target.setAutoAttach', how).catch(reject);
  });
}
