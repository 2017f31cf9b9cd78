/** What Windrow's own workers ask: sync, renew, programs and inputs, uploads of large parts. */
import type { FastifyInstance } from 'fastify';
import {
  briefAnswer,
  parseAttributeQuestion,
  parseAttributeReport,
  parseErrandReport,
  parsePeerQuestion,
  parseRenewRequest,
  parseSyncRequest,
} from '#wire';
import type { AttributeDesk } from '../attributes.ts';
import type { Clients } from '../clients.ts';
import type { Core } from '../core.ts';
import type { Errands } from '../errands.ts';
import { serverErrors } from '../errors.ts';
import type { Blobs } from '../intake/blobs.ts';
import type { ResultIntake } from '../intake/results.ts';
import { DEFAULT_PACE, readBody } from '../open/body.ts';
import { PeerDesk } from '../peers.ts';
import { onRenewed } from '../reactor/workers.ts';
import type { SyncDesk } from '../sync.ts';
import type { Gate } from './access.ts';
import { clientRoutes } from './client-routes.ts';
import { HOT_BYTES, type HotBlobs } from './hot-blobs.ts';
import { readJsonBodies } from './json-body.ts';
import { sendOpenFile } from './send-file.ts';

/** Ten thousand ends with their small parts. */
const SYNC_BYTES = 64 * 2 ** 20;
const LONGEST_PAUSE_MS = 120_000;
const RENEW_BYTES = 4096;
const ERRAND_BYTES = 65_536;
/** A thousand attributes of five thousand characters. */
const ATTRIBUTES_BYTES = 8 * 2 ** 20;

export interface WorkerRoutesParts {
  readonly core: Core;
  readonly desk: SyncDesk;
  readonly errands: Errands;
  readonly results: ResultIntake;
  readonly blobs: Blobs;
  readonly hotBlobs: HotBlobs;
  readonly clients: Clients;
  readonly attributes: AttributeDesk;
  /** The server's own. */
  readonly version: string;
  readonly gate: Gate;
}

export async function workerRoutes(http: FastifyInstance, parts: WorkerRoutesParts): Promise<void> {
  const { core, desk, errands, results, blobs, hotBlobs, clients, attributes, version } = parts;
  http.addHook('onRequest', parts.gate);
  readJsonBodies(http, core.clock);
  clientRoutes(http, clients);

  http.post('/sync', { bodyLimit: SYNC_BYTES }, async (request, reply) => {
    const gone = new AbortController();
    reply.raw.once('close', () => {
      // Each answer closes; an abort that nobody needs costs as much as the rest of a small request.
      if (!reply.raw.writableFinished) gone.abort();
    });
    const sync = parseSyncRequest(request.body, version);
    return briefAnswer(await desk.exchange(sync, request.ip, gone.signal));
  });

  http.post('/renew', { bodyLimit: RENEW_BYTES }, async (request, reply) => {
    const { worker: id } = parseRenewRequest(request.body);
    const worker = core.workers.get(id);
    if (!worker || worker.state === 'lost')
      throw serverErrors.create('WORKER_UNKNOWN', { worker: id });
    onRenewed(core, worker);
    return reply.code(204).send();
  });

  const peers = new PeerDesk(core);
  http.post('/peers', { bodyLimit: RENEW_BYTES }, async (request) =>
    peers.answer(parsePeerQuestion(request.body)),
  );

  http.post<{ Params: { id: string } }>(
    '/errands/:id',
    { bodyLimit: ERRAND_BYTES },
    async (request, reply) => {
      errands.report(wholeNumber(request.params.id), parseErrandReport(request.body));
      return reply.code(204).send();
    },
  );

  http.post('/attributes', { bodyLimit: ATTRIBUTES_BYTES }, async (request) =>
    attributes.take(parseAttributeReport(request.body)),
  );

  http.post('/attributes/read', { bodyLimit: RENEW_BYTES }, async (request) =>
    attributes.read(parseAttributeQuestion(request.body)),
  );

  http.get<{ Params: { sha256: string } }>('/blobs/:sha256', async (request, reply) => {
    const { sha256 } = request.params;
    const opened = await blobs.open(sha256);
    if (opened === null) throw serverErrors.create('BLOB_UNKNOWN', { sha256, use: 'an attempt' });
    const { file, bytes } = opened;
    if (bytes <= HOT_BYTES) hotBlobs.keep(sha256, await file.readFile());
    // The file is open until it is sent: not for a quarter of an hour to somebody who has vanished.
    reply.raw.setTimeout(LONGEST_PAUSE_MS, () => reply.raw.destroy());
    return sendOpenFile(request, reply, { file, bytes, etag: `"${sha256}"` });
  });

  await http.register(async (uploads) => {
    uploads.removeAllContentTypeParsers();
    uploads.addContentTypeParser('*', (_request, body, done) => done(null, body));
    uploads.put<{ Params: { ticket: string; index: string } }>(
      '/parts/:ticket/:index',
      async (request, reply) => {
        const ticket = wholeNumber(request.params.ticket);
        const index = wholeNumber(request.params.index);
        const body = readBody(request.raw, DEFAULT_PACE, core.clock);
        await results.receivePart(ticket, index, body);
        return reply.code(204).send();
      },
    );
  });
}

function wholeNumber(text: string): number {
  if (!/^\d{1,15}$/.test(text)) {
    throw serverErrors.create('REQUEST_MALFORMED', { why: `${JSON.stringify(text)} is no number` });
  }
  return Number(text);
}
