/**
 * `POST /traces/sbin/store-trace.cgi`: one form with `username`, `id` and one file part called
 * `filename`. The whole form must come before anything of it is stored. The answer is an empty 200
 * `application/octet-stream`.
 */
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { join } from 'node:path';
import { formatBytes, systemCodeOf, systemReasonOf } from '#base';
import { IncomingFile } from '#uploads';
import { tracesErrors } from '../errors.ts';
import type { TraceStore } from '../store/trace-store.ts';
import { requireId, requireSentName } from '../trace-name.ts';
import { type AccessRules, requireAccount } from './access.ts';
import { diskFull } from './disk-full.ts';
import { boundaryOf, readForm } from './form-parser.ts';

export const FORM_PATH = '/traces/sbin/store-trace.cgi';

/** While so much comes others may have taken the room; the form does not say how much it is. */
const ROOM_LOOK_BYTES = 4 << 20;

interface Received {
  readonly fields: Map<string, string>;
  filename: string | null;
  file: IncomingFile | null;
}

/** Throws WindrowErrors; nothing is left behind then. */
export async function receiveForm(
  request: IncomingMessage,
  store: TraceStore,
  rules: AccessRules,
): Promise<void> {
  const boundary = boundaryOf(request.headers['content-type'] ?? '');
  if (boundary === null)
    throw tracesErrors.create('TRACE_FORM_MALFORMED', {
      why: 'it is no multipart/form-data with a boundary',
    });
  const path = join(store.incoming, `${randomUUID()}.form`);
  const received: Received = { fields: new Map(), filename: null, file: null };
  // A refused one is read to its end by whoever answers.
  const body = request.iterator({ destroyOnReturn: false });
  try {
    await receive(body, boundary, path, received, store, rules);
    await admit(request, path, received, store, rules);
  } catch (error) {
    throw knownError(error, request);
  } finally {
    await body.return?.();
    await received.file?.abandon();
    await rm(path, { force: true });
  }
}

async function receive(
  body: AsyncIterable<Buffer>,
  boundary: string,
  path: string,
  received: Received,
  store: TraceStore,
  rules: AccessRules,
): Promise<void> {
  const mostBytes = store.limits.fileBytes;
  let lookAt = 0;
  for await (const piece of readForm(body, boundary)) {
    if (piece.kind === 'field') {
      if (received.fields.has(piece.name)) throw malformed(`it has the field ${piece.name} twice`);
      if (piece.name === 'username') requireAccount(piece.value, rules);
      if (piece.name === 'id') requireId(piece.value);
      received.fields.set(piece.name, piece.value);
    } else if (piece.kind === 'file') {
      if (received.file) throw malformed('it has more than one file');
      if (piece.name !== 'filename') throw malformed('its file part is not called "filename"');
      received.filename = piece.filename;
      if (piece.filename !== '') requireSentName(piece.filename);
      received.file = await IncomingFile.create(path, store.digests);
    } else {
      const file = received.file!;
      if (file.bytes + piece.bytes.length > mostBytes)
        throw tracesErrors.create('TRACE_TOO_LARGE', { limit: formatBytes(mostBytes) });
      if (file.bytes >= lookAt) {
        await requireRoom(store, received, file.bytes + piece.bytes.length);
        lookAt = file.bytes + ROOM_LOOK_BYTES;
      }
      await file.add(piece.bytes);
    }
  }
}

/** As far as it is known which trace the file is of. */
async function requireRoom(
  store: TraceStore,
  { fields, filename: name }: Received,
  bytes: number,
): Promise<void> {
  const id = fields.get('id');
  if (id && name) await store.requireRoom({ id, name, sha256: null, bytes });
}

async function admit(
  request: IncomingMessage,
  path: string,
  received: Received,
  store: TraceStore,
  rules: AccessRules,
): Promise<void> {
  const { fields, filename, file } = received;
  requireAccount(fields.get('username'), rules);
  const id = fields.get('id');
  if (!id) throw tracesErrors.create('TRACE_FIELD_MISSING', { field: 'id' });
  if (!filename || !file) throw tracesErrors.create('TRACE_FIELD_MISSING', { field: 'file name' });
  const bytes = file.bytes;
  const sha256 = (await file.close('digest'))!;
  const sender = request.socket.remoteAddress ?? null;
  await store.admit({ path, id, name: filename, sha256, bytes, sender });
}

function knownError(error: unknown, request: IncomingMessage): unknown {
  const code = systemCodeOf(error);
  if (code === 'ENOSPC' || code === 'EDQUOT') return diskFull(0, error);
  // The connection broke; nobody hears the answer, but it is no fault of the server's.
  if (request.errored || !request.complete)
    return code?.startsWith('TRACE_') ? error : malformed(`it broke off: ${systemReasonOf(error)}`);
  return error;
}

function malformed(why: string): Error {
  return tracesErrors.create('TRACE_FORM_MALFORMED', { why });
}
