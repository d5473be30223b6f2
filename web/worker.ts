/** The worker that holds a model: everything a page's main thread must not wait for. */
import { modelMethods } from './worker_methods.ts';
import type { Port } from './rpc/messages.ts';
import { serve } from './rpc/serve.ts';

const server = serve(
  self as unknown as Port,
  modelMethods((event, value) => server.emit(event, value)),
);
