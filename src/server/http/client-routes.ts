/** Windrow's executable for the platforms of its workers (`wire/client-offer.ts`). */
import type { FastifyInstance } from 'fastify';
import type { Clients } from '../clients.ts';

export function clientRoutes(http: FastifyInstance, clients: Clients): void {
  http.get<{ Params: { platform: string } }>('/client/:platform', async (request, reply) =>
    reply.send(await clients.describe(request.params.platform)),
  );

  http.get<{
    Params: { platform: string; sha256: string };
    Querystring: { encoding?: string };
  }>('/client/:platform/:sha256', async (request, reply) => {
    const { platform, sha256 } = request.params;
    const encoding = request.query.encoding ?? 'identity';
    const { stream, bytes } = await clients.read(platform, sha256, encoding);
    if (bytes !== null) reply.header('Content-Length', bytes);
    return reply.type('application/octet-stream').send(stream);
  });
}
