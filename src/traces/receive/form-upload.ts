/**
 * `POST /traces/sbin/store-trace.cgi`: one form with `username`, `id` and one file part called
 * `filename`. The whole form must come before anything of it is stored. The answer is an empty 200
 * `application/octet-stream`.
 */
import { randomUUID } from 'node:crypto';
import { rm } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { formatBytes, systemCodeOf, systemReasonOf } from '#base';
import { eachPiece, IncomingFile, StraightReads } from '#uploads';
import { tracesErrors } from '../errors.ts';
import type { TraceStore } from '../store/trace-store.ts';
import { requireId, requireSentName } from '../trace-name.ts';
import { type AccessRules, requireAccount } from './access.ts';
import { diskFull } from './disk-full.ts';
import { FormInput } from './form-input.ts';
import { boundaryOf, type FormPiece, readForm } from './form-parser.ts';

export const FORM_PATH = '/traces/sbin/store-trace.cgi';

/** While so much comes others may have taken the room; the form does not say how much it is. */
const ROOM_LOOK_BYTES = 4 << 20;

/** Throws WindrowErrors; nothing is left behind then. */
export async function receiveForm(
  request: IncomingMessage,
  response: ServerResponse,
  store: TraceStore,
  rules: AccessRules,
): Promise<void> {
  const boundary = boundaryOf(request.headers['content-type'] ?? '');
  if (boundary === null)
    throw tracesErrors.create('TRACE_FORM_MALFORMED', {
      why: 'it is no multipart/form-data with a boundary',
    });
  const form = new Form(join(store.incoming, `${randomUUID()}.form`), store, rules);
  try {
    await form.receive(request, StraightReads.of(request, response), boundary);
    await form.admit(request.socket.remoteAddress ?? null);
  } catch (error) {
    throw knownError(error, request);
  } finally {
    await form.abandon();
  }
}

/** One form as it comes. */
class Form {
  /** Where the file lies until it is stored. */
  readonly #path: string;
  readonly #store: TraceStore;
  readonly #rules: AccessRules;
  readonly #fields = new Map<string, string>();
  #filename = '';
  #file: IncomingFile | null = null;
  #lookAt = 0;

  constructor(path: string, store: TraceStore, rules: AccessRules) {
    this.#path = path;
    this.#store = store;
    this.#rules = rules;
  }

  async receive(body: Readable, straight: StraightReads | null, boundary: string): Promise<void> {
    const input = new FormInput();
    const pieces = readForm(input, boundary);
    const take = (bytes: Buffer): Promise<void> | undefined => {
      input.push(bytes);
      return this.#takeAll(pieces);
    };
    const room = (): Buffer | null => {
      // It may lie there: what was not sure to be data yet.
      input.keepRest();
      return this.#file?.room() ?? null;
    };
    await eachPiece(body, { take, room }, straight);
    input.end();
    await this.#takeAll(pieces);
  }

  async admit(sender: string | null): Promise<void> {
    requireAccount(this.#fields.get('username'), this.#rules);
    const id = this.#fields.get('id');
    if (!id) throw tracesErrors.create('TRACE_FIELD_MISSING', { field: 'id' });
    const file = this.#file;
    if (this.#filename === '' || file === null)
      throw tracesErrors.create('TRACE_FIELD_MISSING', { field: 'file name' });
    const { bytes } = file;
    const sha256 = (await file.close('digest'))!;
    const about = { path: this.#path, id, name: this.#filename, sha256, bytes, sender };
    await this.#store.admit(about);
  }

  /** What was not admitted goes. */
  async abandon(): Promise<void> {
    await this.#file?.abandon();
    await rm(this.#path, { force: true });
  }

  /** Everything that there is so far; a promise where somebody has to be waited for. */
  #takeAll(pieces: Generator<FormPiece | null, void>): Promise<void> | undefined {
    for (;;) {
      const { value: piece } = pieces.next();
      if (!piece) return undefined;
      const taking = this.#take(piece);
      if (taking) return taking.then(() => this.#takeAll(pieces));
    }
  }

  #take(piece: FormPiece): Promise<void> | undefined {
    switch (piece.kind) {
      case 'field':
        return this.#takeField(piece.name, piece.value);
      case 'file':
        return this.#begin(piece.name, piece.filename);
      case 'data':
        return this.#append(this.#file!, piece.bytes);
    }
  }

  #takeField(name: string, value: string): undefined {
    if (this.#fields.has(name)) throw malformed(`it has the field ${name} twice`);
    if (name === 'username') requireAccount(value, this.#rules);
    if (name === 'id') requireId(value);
    this.#fields.set(name, value);
  }

  async #begin(name: string, filename: string): Promise<void> {
    if (this.#file) throw malformed('it has more than one file');
    if (name !== 'filename') throw malformed('its file part is not called "filename"');
    if (filename !== '') requireSentName(filename);
    this.#filename = filename;
    this.#file = await IncomingFile.create(this.#path, this.#store.digests);
  }

  #append(file: IncomingFile, bytes: Buffer): Promise<void> | undefined {
    const allBytes = file.bytes + bytes.length;
    const mostBytes = this.#store.limits.fileBytes;
    if (allBytes > mostBytes)
      throw tracesErrors.create('TRACE_TOO_LARGE', { limit: formatBytes(mostBytes) });
    if (file.bytes < this.#lookAt) return file.add(bytes);
    this.#lookAt = allBytes + ROOM_LOOK_BYTES;
    return this.#requireRoom(allBytes).then(() => file.add(bytes));
  }

  /** As far as it is known which trace the file is of. */
  async #requireRoom(bytes: number): Promise<void> {
    const id = this.#fields.get('id');
    const name = this.#filename;
    if (id && name) await this.#store.requireRoom({ id, name, sha256: null, bytes });
  }
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
