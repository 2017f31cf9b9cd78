/** A server of the user API for tests: real HTTP, checked by the routes, answers by the test. */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { WindrowError } from '#base';
import {
  type ApiHandlers,
  api,
  apiErrors,
  bearerToken,
  problemOf,
  type Route,
  readInput,
} from '#wire';

export interface FakeApiServer {
  readonly url: string;
  readonly token: string;
  /** `GET /v1/jobs?state=running`, in order of arrival. */
  readonly requests: string[];
  close(): Promise<void>;
}

type Handler = (input: unknown, call: { actor: string; signal: AbortSignal }) => Promise<unknown>;

interface Match {
  readonly route: Route;
  readonly handler: Handler | undefined;
  readonly params: Record<string, string>;
}

export async function openFakeApiServer(handlers: Partial<ApiHandlers>): Promise<FakeApiServer> {
  const token = 'a-token-only-for-this-test';
  const requests: string[] = [];
  const server = createServer((request, response) => {
    requests.push(`${request.method} ${request.url}`);
    serve(handlers, token, request, response).catch((error) => refuse(response, error));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    token,
    requests,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

async function serve(
  handlers: Partial<ApiHandlers>,
  token: string,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const url = new URL(request.url!, 'http://fake');
  const found = match(handlers, request.method!, url.pathname);
  if (!found?.handler) throw fault('NOT_HERE', `${request.method} ${url.pathname}`, 404);
  if (found.route.auth === 'admin' && bearerToken(request.headers.authorization) !== token) {
    throw apiErrors.create('API_TOKEN_WRONG');
  }
  const body = found.route.body?.kind === 'json' ? await json(request) : request;
  const query = Object.fromEntries(url.searchParams);
  const input = readInput(found.route, { params: found.params, query, body });
  const gone = new AbortController();
  response.once('close', () => gone.abort());
  const answer = await found.handler(input, { actor: 'user', signal: gone.signal });
  await send(found.route, answer, response);
}

function match(handlers: Partial<ApiHandlers>, method: string, path: string): Match | undefined {
  for (const [operation, route] of Object.entries<Route>(api)) {
    const pattern = route.path.replace(/[.]/g, '\\.').replace(/\{(\w+)\}/g, '(?<$1>[^/]+)');
    const parts = new RegExp(`^${pattern}$`).exec(path);
    if (!parts || route.method !== method) continue;
    const params = Object.fromEntries(
      Object.entries(parts.groups ?? {}).map(([name, text]) => [name, decodeURIComponent(text)]),
    );
    return { route, handler: (handlers as Record<string, Handler>)[operation], params };
  }
  return undefined;
}

async function send(route: Route, answer: unknown, response: ServerResponse): Promise<void> {
  const kind = route.answer.kind;
  if (kind === 'json') {
    response.writeHead(route.answer.status, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer));
  } else if (kind === 'lines' || kind === 'events') {
    response.writeHead(200, {
      'content-type': kind === 'lines' ? 'application/x-ndjson' : 'text/event-stream',
    });
    response.flushHeaders();
    for await (const item of answer as AsyncIterable<unknown>) {
      response.write(
        kind === 'lines' ? `${JSON.stringify(item)}\n` : `data: ${JSON.stringify(item)}\n\n`,
      );
    }
    response.end();
  } else if (kind === 'bytes') {
    const { stream, bytes } = answer as { stream: AsyncIterable<Buffer>; bytes: number | null };
    response.writeHead(200, bytes === null ? {} : { 'content-length': bytes });
    for await (const chunk of stream) response.write(chunk);
    response.end();
  } else {
    response.writeHead(200).end();
  }
}

function refuse(response: ServerResponse, error: unknown): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  const coded = error instanceof WindrowError ? error : fault('INTERNAL', String(error), 500);
  response.writeHead(coded.status, { 'content-type': 'application/problem+json' });
  response.end(JSON.stringify(problemOf(coded)));
}

/** A coded error as any server could answer it. */
export function fault(code: string, message: string, status: number): WindrowError {
  return new WindrowError({ code, message, todo: 'Try something else.', status, facts: {} });
}
