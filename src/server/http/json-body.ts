/** JSON bodies: bounded, cut when they come too slowly, parsed once they are whole. */
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { type Clock, messageOf } from '#base';
import { serverErrors } from '../errors.ts';
import { DEFAULT_PACE, readBody } from '../open/body.ts';

/**
 * Every field is copied by name afterwards, so keys that would reach prototypes need no search.
 * The limit is the route's `bodyLimit`.
 */
export function readJsonBodies(http: FastifyInstance, clock: Clock): void {
  http.removeContentTypeParser('application/json');
  http.addContentTypeParser('application/json', async (request: FastifyRequest) => {
    const limit = request.routeOptions.bodyLimit ?? http.initialConfig.bodyLimit ?? 0;
    if (Number(request.headers['content-length'] ?? 0) > limit) {
      throw serverErrors.create('REQUEST_TOO_LARGE', { limit });
    }
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of readBody(request.raw, DEFAULT_PACE, clock)) {
      bytes += chunk.length;
      if (bytes > limit) throw serverErrors.create('REQUEST_TOO_LARGE', { limit });
      chunks.push(chunk);
    }
    return parseJson(Buffer.concat(chunks, bytes).toString());
  });
}

function parseJson(text: string): unknown {
  try {
    return text === '' ? {} : JSON.parse(text);
  } catch (error) {
    const why = `its JSON is broken: ${messageOf(error)}`;
    throw serverErrors.create('REQUEST_MALFORMED', { why }, { cause: error });
  }
}
