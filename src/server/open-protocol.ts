/**
 * The open protocol: a machine with nothing but curl and sh can be a worker. Six requests with
 * plain answers, described for users in docs/guide/open-protocol.md, on top of the `OpenDoor`.
 * Register it as it is (`fastify.register(openProtocol, options)`): its parsers and hooks are its
 * own and touch no other route.
 */
import { Readable } from 'node:stream';
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify';
import { type Clock, formatBytes, messageOf } from '#base';
import type { Ticket } from '#model';
import {
  COMPLETION_LIMITS,
  formatConfig,
  formatTask,
  isMultipart,
  type OpenLimits,
  type OpenTask,
  PartSpool,
  readCompletion,
  readFailure,
  readMultipart,
  type SessionLimit,
  taskTextBytes,
  wireErrors,
} from '#wire';
import { answer, answerEmpty, type OnFault, refuse, refuseWith } from './open/answer.ts';
import { type BodyPace, DEFAULT_PACE, readBody } from './open/body.ts';
import { openErrors } from './open/errors.ts';
import {
  givenSession,
  parameter,
  platformParameter,
  requiredParameter,
  ticketParameter,
} from './open/parameters.ts';
import type { OpenDoor } from './open/port.ts';

export interface OpenProtocolOptions {
  readonly door: OpenDoor;
  /** Compares in constant time, e.g. `secretMatcher(session)`. */
  readonly isSession: (candidate: string) => boolean;
  readonly limit: SessionLimit;
  readonly clock: Clock;
  /** An existing directory for results on their way in; best on the same file system as the store. */
  readonly spoolDirectory: string;
  readonly limits?: OpenLimits;
  readonly pace?: BodyPace;
  readonly onFault: OnFault;
}

type Handler = (request: FastifyRequest, reply: FastifyReply) => Promise<FastifyReply>;

const METHODS = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'];

/** The Fastify 5 plugin. */
export async function openProtocol(
  fastify: FastifyInstance,
  options: OpenProtocolOptions,
): Promise<void> {
  // Bodies are read by the handlers, as streams; curl calls any file x-www-form-urlencoded.
  fastify.removeAllContentTypeParsers();
  fastify.addContentTypeParser('*', (_request, _payload, done) => done(null));
  fastify.setErrorHandler((error, request, reply) =>
    refuseWith(request, reply, error, options.onFault),
  );
  const routes: [method: 'GET' | 'POST', path: string, handler: Handler][] = [
    ['GET', '/config', (request, reply) => sendConfig(options, request, reply)],
    ['GET', '/ping', (request, reply) => sendPing(options, request, reply)],
    ['GET', '/worker', (request, reply) => sendProgram(options, request, reply)],
    ['GET', '/task', (request, reply) => sendTask(options, request, reply)],
    ['POST', '/complete', (request, reply) => takeResults(options, request, reply)],
    ['GET', '/failed', (request, reply) => takeFailure(options, request, reply)],
  ];
  for (const [method, url, handler] of routes) {
    // HEAD must not be a GET without its answer: it would lease a task and drop it.
    const exposeHeadRoute = false;
    fastify.route({ method, url, exposeHeadRoute, handler: guarded(options, handler) });
    const others = METHODS.filter((other) => other !== method);
    fastify.route({ method: others, url, exposeHeadRoute, handler: refuseMethod(method) });
  }
}

function refuseMethod(expected: string): Handler {
  return (request, reply) => {
    const path = request.routeOptions.url ?? '';
    const error = openErrors.create('OPEN_METHOD_WRONG', {
      method: request.method,
      path,
      expected,
    });
    return refuse(request, reply, error.status, error.message, { allow: expected });
  };
}

/** Lets only the right session through, and answers every failure behind it. */
function guarded(options: OpenProtocolOptions, handler: Handler): Handler {
  return async (request, reply) => {
    try {
      if (!options.isSession(givenSession(request))) {
        return await refuseSession(options.limit, request, reply);
      }
      return await handler(request, reply);
    } catch (error) {
      return await refuseWith(request, reply, error, options.onFault);
    }
  };
}

async function refuseSession(
  limit: SessionLimit,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const waitMs = limit.wrong(request.ip);
  if (waitMs === 0) {
    const error = wireErrors.create('SESSION_WRONG');
    return await refuse(request, reply, error.status, error.message);
  }
  const retryAfterS = Math.ceil(waitMs / 1000);
  const facts = { address: request.ip, retryAfterS };
  const error = wireErrors.create('SESSION_RATE_LIMITED', facts);
  const headers = { 'retry-after': String(retryAfterS) };
  return await refuse(request, reply, error.status, error.message, headers);
}

async function sendConfig(
  { door }: OpenProtocolOptions,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const config = await door.config(platformParameter(request));
  return answer(reply, 200, formatConfig(config).trimEnd());
}

async function sendPing(
  { door }: OpenProtocolOptions,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const verdict = await door.ping(ticketParameter(request));
  return answerEmpty(reply, verdict === 'go-on' ? 204 : 205);
}

async function sendProgram(
  { door, onFault }: OpenProtocolOptions,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const name = requiredParameter(request, 'name', 255);
  const platform = platformParameter(request) ?? '';
  const program = await door.program(name, platform);
  if (program === 'unknown') return answer(reply, 403, `there is no program of that name`);
  if (program === 'no-build') return answer(reply, 415, `there is no build for ${platform || '?'}`);
  reply.headers({
    'content-type': 'application/octet-stream',
    'content-length': String(program.bytes),
    'cache-control': 'no-store',
  });
  return reply.send(streamed(program.content(), onFault));
}

async function sendTask(
  { door, onFault }: OpenProtocolOptions,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const worker = parameter(request, 'worker', 255) ?? request.ip;
  const task = await door.lease(worker, request.ip);
  if ('none' in task) {
    if (task.none === 'finished') return answer(reply, 503, 'no task left, the job is finished');
    const headers = { 'retry-after': String(Math.max(1, Math.ceil(task.retryAfterS))) };
    return answer(reply, 503, 'no task now, one may come back', headers);
  }
  const text = await firstPiece(door, task);
  giveBackUndelivered(door, task.ticket, reply, onFault);
  reply.code(200).headers({
    'content-type': 'text/plain',
    'content-length': String(taskTextBytes(task)),
    'cache-control': 'no-store',
    'x-content-type-options': 'nosniff',
  });
  return reply.send(streamed(text, onFault));
}

/** A fault within an answer can only break it off; its length tells the client that it is not whole. */
function streamed(content: AsyncIterable<Buffer>, onFault: OnFault): Readable {
  const stream = Readable.from(content, { objectMode: false });
  return stream.on('error', (error) => onFault('an answer broke off', error));
}

/** A task that cannot be told would be leased again and again: it fails instead, with the reason. */
async function firstPiece(door: OpenDoor, task: OpenTask): Promise<AsyncIterable<Buffer>> {
  const text = formatTask(task);
  try {
    const first = await text.next();
    return first.done ? text : resumed(first.value, text);
  } catch (error) {
    const failure = { cause: 'stage-in', exitCode: null, signal: null } as const;
    await door.fail(task.ticket, { ...failure, reason: messageOf(error) });
    throw error;
  }
}

async function* resumed(first: Buffer, rest: AsyncIterable<Buffer>): AsyncGenerator<Buffer, void> {
  yield first;
  yield* rest;
}

/** A client that went away before it had the whole task would hold its lease for nothing. */
function giveBackUndelivered(
  door: OpenDoor,
  ticket: Ticket,
  reply: FastifyReply,
  onFault: OnFault,
): void {
  const giveBack = () => {
    if (reply.raw.writableFinished) return;
    door.undelivered(ticket).catch((error) => onFault(`ticket ${ticket} not given back`, error));
  };
  if (reply.raw.closed) giveBack();
  else reply.raw.once('close', giveBack);
}

async function takeResults(
  options: OpenProtocolOptions,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const ticket = ticketParameter(request);
  const limits = options.limits ?? COMPLETION_LIMITS;
  refuseAnnounced(request, limits.totalBytes);
  const spool = new PartSpool(options.spoolDirectory);
  try {
    const body = readBody(request.raw, options.pace ?? DEFAULT_PACE, options.clock);
    const type = request.headers['content-type'];
    if (isMultipart(type)) await readMultipart(body, type, spool, limits);
    else await readCompletion(body, spool, limits);
    const verdict = await options.door.complete(ticket, spool.parts);
    return answer(reply, 200, verdict);
  } finally {
    await spool.discard();
  }
}

/** What says beforehand that it is too large need not be sent. */
function refuseAnnounced(request: FastifyRequest, limitBytes: number): void {
  const announced = Number(request.headers['content-length'] ?? 0);
  if (announced <= limitBytes) return;
  throw openErrors.create('OPEN_BODY_LENGTH', { announced, limit: formatBytes(limitBytes) });
}

async function takeFailure(
  { door }: OpenProtocolOptions,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  const ticket = ticketParameter(request);
  await door.fail(ticket, readFailure(parameter(request, 'reason', 8000) ?? ''));
  return answer(reply, 200, 'noted');
}
