/** Other protocols on the server's address, each with gates and limits of its own. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { FastifyInstance } from 'fastify';

export interface Face {
  /** Whether a request with this path, without its query, is one for this face. */
  isMeant(path: string, method: string): boolean;
  /** Answers the request, refusals too. Never rejects. */
  handle(request: IncomingMessage, response: ServerResponse): Promise<void>;
}

/** Hands requests over before anything of them is read. */
export function serveFaces(http: FastifyInstance, faces: readonly Face[]): void {
  if (faces.length === 0) return;
  http.addHook('onRequest', async (request, reply) => {
    const path = request.url.split('?', 1)[0]!;
    const face = faces.find((each) => each.isMeant(path, request.method));
    if (!face) return;
    reply.hijack();
    await face.handle(request.raw, reply.raw);
  });
}
