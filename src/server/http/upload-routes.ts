/** Resumable uploads of programs and inputs, and into the datastore, as those of traces speak them: tus, on paths of its own. */
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import type { Clock } from '#base';
import type { Datastore } from '#datastore';
import { UPLOADS_PATH } from '#wire';
import type { BlobUploads } from '../intake/blob-uploads.ts';
import type { Blobs } from '../intake/blobs.ts';
import type { Gate } from './access.ts';

export interface UploadRoutesParts {
  readonly gate: Gate;
  readonly blobs: Blobs;
  /** Null: the server has none. */
  readonly datastore: Pick<Datastore, 'putFile'> | null;
  /** Absolute. */
  readonly directory: string;
  readonly clock: Clock;
}

export async function uploadRoutes(http: FastifyInstance, parts: UploadRoutesParts): Promise<void> {
  let opening: Promise<BlobUploads> | null = null;
  const open = (): Promise<BlobUploads> => {
    // Loaded only when it is wanted: every start of the server is felt.
    opening ??= import('../intake/blob-uploads.ts').then((one) => new one.BlobUploads(parts));
    return opening;
  };
  const handler = async (request: FastifyRequest, reply: FastifyReply): Promise<void> => {
    const uploads = await open();
    reply.hijack();
    await uploads.handle(request.raw, reply.raw);
  };
  http.removeAllContentTypeParsers();
  // The body is left to the protocol.
  http.addContentTypeParser('*', (_request, _body, done) => done(null));
  http.addHook('onClose', async () => (await opening)?.close());
  const method = ['POST', 'HEAD', 'PATCH', 'DELETE'];
  for (const url of [UPLOADS_PATH, `${UPLOADS_PATH}/:id`]) {
    http.route({ method, url, onRequest: parts.gate, handler });
  }
}
