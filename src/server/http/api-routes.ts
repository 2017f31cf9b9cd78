/** Mounts the user API: every route of the table gets its handler, its checks and its answer form. */
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type Clock, WindrowError } from '#base';
import {
  API_BODY_BYTES,
  type ApiEvent,
  type ApiHandlers,
  type ApiOperation,
  api,
  type BytesAnswer,
  type FileAnswer,
  problemOf,
  type Route,
  readInput,
} from '#wire';
import { DEFAULT_PACE, readBody } from '../open/body.ts';
import type { Gate } from './access.ts';
import { sendEvents } from './event-stream.ts';
import { readJsonBodies } from './json-body.ts';
import { sendFile } from './send-file.ts';

type Handler = (input: unknown, call: { actor: string; signal: AbortSignal }) => Promise<unknown>;

export interface ApiRoutesParts {
  readonly handlers: ApiHandlers;
  readonly gate: Gate;
  readonly clock: Clock;
}

export async function apiRoutes(http: FastifyInstance, parts: ApiRoutesParts): Promise<void> {
  http.removeAllContentTypeParsers();
  http.addContentTypeParser('*', async (request: FastifyRequest) =>
    Readable.from(readBody(request.raw, DEFAULT_PACE, parts.clock)),
  );
  // Routes of bytes take them whatever they are called, JSON too; the others read JSON.
  addRoutes(http, parts, (route) => route.body?.kind === 'bytes');
  await http.register(async (others) => {
    readJsonBodies(others, parts.clock);
    addRoutes(others, parts, (route) => route.body?.kind !== 'bytes');
  });
}

function addRoutes(
  http: FastifyInstance,
  parts: ApiRoutesParts,
  isMeant: (route: Route) => boolean,
): void {
  for (const [operation, route] of Object.entries<Route>(api)) {
    if (!isMeant(route)) continue;
    const handler = parts.handlers[operation as ApiOperation] as unknown as Handler;
    http.route({
      method: route.method,
      url: route.path.replace(/\{(\w+)\}/g, ':$1'),
      exposeHeadRoute: false,
      ...(route.body?.kind === 'json' ? { bodyLimit: API_BODY_BYTES } : {}),
      ...(route.auth === 'admin' ? { onRequest: parts.gate } : {}),
      handler: (request, reply) => serve(route, handler, request, reply),
    });
  }
}

async function serve(
  route: Route,
  handler: Handler,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const gone = new AbortController();
  reply.raw.once('close', () => {
    // Each answer closes; an abort that nobody needs costs as much as the rest of a small request.
    if (!reply.raw.writableFinished) gone.abort();
  });
  const input = readInput(route, {
    params: request.params,
    query: queryOf(route, request),
    // One that says null is no request without a body.
    body:
      request.body !== undefined
        ? request.body
        : route.body?.kind === 'bytes'
          ? Readable.from([])
          : {},
  });
  const result = await handler(input, { actor: 'user', signal: gone.signal });
  return answer(route, result, request, reply);
}

/** Readers of events come back with the id of the last one in a header (WHATWG HTML, 9.2.3). */
function queryOf({ answer }: Route, { query, headers }: FastifyRequest): Record<string, unknown> {
  const given = query as Record<string, unknown>;
  const after = headers['last-event-id'];
  return answer.kind === 'events' && after !== undefined ? { after, ...given } : given;
}

function answer(
  route: Route,
  result: unknown,
  request: FastifyRequest,
  reply: FastifyReply,
): FastifyReply {
  switch (route.answer.kind) {
    case 'json':
      return reply.code(route.answer.status).type('application/json').send(JSON.stringify(result));
    case 'empty':
      return reply.code(200).send();
    case 'bytes': {
      const given = result as BytesAnswer | FileAnswer;
      if ('read' in given) {
        const done = () => given.done?.();
        if (reply.raw.closed) done();
        else reply.raw.once('close', done);
        return sendFile(request, reply, given);
      }
      const { stream, bytes } = given;
      if (bytes !== null) reply.header('Content-Length', bytes);
      return reply.type(route.answer.media).send(stream);
    }
    case 'lines': {
      const lines = eachAs(result as AsyncIterable<unknown>, (item) => `${JSON.stringify(item)}\n`);
      return reply.type('application/x-ndjson').send(Readable.from(lines));
    }
    case 'events':
      return sendEvents(result as AsyncIterable<ApiEvent>, reply);
  }
}

/** A failure in the middle of a stream can only cut it; lines say so in a last line. */
async function* eachAs<Item>(
  items: AsyncIterable<Item>,
  print: (item: Item) => string,
): AsyncGenerator<string> {
  try {
    for await (const item of items) yield print(item);
  } catch (error) {
    if (!(error instanceof WindrowError)) throw error;
    yield `${JSON.stringify({ error: problemOf(error) })}\n`;
  }
}
