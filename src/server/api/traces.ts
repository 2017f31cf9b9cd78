/** Traces that came home, for those who look at them. */
import type { Readable } from 'node:stream';
import type { ApiHandlers, TraceCheck, TraceUpload, TraceView } from '#wire';
import type { Errands } from '../errands.ts';
import { serverErrors } from '../errors.ts';

/** Where the traces lie. */
export interface TraceShelf {
  readonly directory: string;
  list(id?: string): AsyncIterable<TraceView>;
  /** Files of which not all has come. */
  coming(): AsyncIterable<TraceUpload>;
  read(id: string, name: string): Promise<{ stream: Readable; bytes: number }>;
  isWhole(id: string, name: string): Promise<boolean | null>;
  /** Files that were stored and are there no longer. */
  gone(id?: string): AsyncIterable<{ readonly id: string; readonly name: string }>;
  remove(id: string, name: string): Promise<void>;
}

type TraceHandlers = Pick<
  ApiHandlers,
  | 'listTraces'
  | 'listTraceUploads'
  | 'checkTraces'
  | 'readTrace'
  | 'removeTrace'
  | 'collectTraces'
  | 'getTraceCollection'
>;

/** `shelf` is null where the server keeps no traces. */
export function traceHandlers(shelf: TraceShelf | null, errands: Errands): TraceHandlers {
  const found = (): TraceShelf => {
    if (shelf === null) throw serverErrors.create('TRACES_OFF');
    return shelf;
  };
  return {
    async listTraces({ query }) {
      return found().list(query.id);
    },

    async listTraceUploads() {
      return found().coming();
    },

    async checkTraces({ query }) {
      return check(found(), query);
    },

    async readTrace({ params }) {
      return found().read(params.id, params.name);
    },

    async collectTraces({ body }) {
      return errands.collectTraces(body);
    },

    async getTraceCollection({ params }) {
      return errands.view(params.collection);
    },

    async removeTrace({ params }) {
      await found().remove(params.id, params.name);
      return undefined;
    },
  };
}

async function* check(
  shelf: TraceShelf,
  query: { readonly id?: string | undefined; readonly name?: string | undefined },
): AsyncGenerator<TraceCheck> {
  for await (const { id, name } of shelf.list(query.id)) {
    if (query.name !== undefined && query.name !== name) continue;
    const isWhole = await shelf.isWhole(id, name);
    yield { id, name, state: isWhole === null ? 'unknown' : isWhole ? 'whole' : 'damaged' };
  }
  for await (const { id, name } of shelf.gone(query.id)) {
    if (query.name === undefined || query.name === name) yield { id, name, state: 'gone' };
  }
}
