/** Every route of the server, with its gates, in one Fastify instance. */

import { createServer, type RequestListener } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import Fastify, { type FastifyInstance, type FastifyServerFactory } from 'fastify';
import { LEAST_TLS_VERSION, messageOf } from '#base';
import { type ApiHandlers, SessionLimit, secretMatcher, wireErrors } from '#wire';
import { dataHandlers } from '../api/data.ts';
import { fileHandlers } from '../api/files.ts';
import { historyHandlers } from '../api/history.ts';
import { jobHandlers } from '../api/jobs.ts';
import { machineHandlers } from '../api/machines.ts';
import type { ApiParts } from '../api/parts.ts';
import { serverHandlers } from '../api/server.ts';
import { taskHandlers } from '../api/tasks.ts';
import { type TraceShelf, traceHandlers } from '../api/traces.ts';
import { whyHandlers } from '../api/why.ts';
import { AttributeDesk } from '../attributes.ts';
import type { Clients } from '../clients.ts';
import type { Errands } from '../errands.ts';
import { serverErrors } from '../errors.ts';
import type { ResultIntake } from '../intake/results.ts';
import type { OpenDoor } from '../open/port.ts';
import { openProtocol } from '../open-protocol.ts';
import type { SyncDesk } from '../sync.ts';
import { gate } from './access.ts';
import { apiRoutes } from './api-routes.ts';
import { type Face, serveFaces } from './faces.ts';
import { HotBlobs } from './hot-blobs.ts';
import { answerProblems } from './problems.ts';
import { uploadRoutes } from './upload-routes.ts';
import { workerRoutes } from './worker-routes.ts';

/** What the server needs to speak TLS; all PEM. */
export interface ServerTls {
  /** With its chain. */
  readonly certificate: string;
  readonly key: string;
  /** SHA-256 by which others know the server. */
  readonly pin: string;
  /** Who signs certificates of clients; null: nobody is asked for one. */
  readonly clientAuthority: string | null;
}

export interface Assembly {
  readonly parts: ApiParts;
  readonly results: ResultIntake;
  readonly desk: SyncDesk;
  readonly door: OpenDoor;
  readonly session: string;
  readonly adminToken: string;
  readonly tls: ServerTls | null;
  readonly errands: Errands;
  readonly clients: Clients;
  readonly faces: readonly Face[];
  readonly traces: TraceShelf | null;
  readonly log: (level: 'info' | 'warn' | 'error', message: string, facts?: object) => void;
}

function none(): never {
  throw new Error('schemas are checked by the routes themselves');
}

const PROBED_AFTER_MS = 15_000;

/** Bodies may be large: every route cuts slow ones by their pace (`readBody`), not by their time. */
const TIMES = { requestTimeout: 0, keepAliveTimeout: 75_000 } as const;

/** `isAnswered` is asked before any route. Routes come later. `tls` null: plain HTTP. */
function newHttp(
  tls: ServerTls | null,
  isAnswered: (...[request, response]: Parameters<RequestListener>) => boolean,
): FastifyInstance {
  const serverFactory: FastifyServerFactory = (routes) => {
    const listener: RequestListener = (request, response) => {
      if (!isAnswered(request, response)) routes(request, response);
    };
    if (tls === null) return createServer(TIMES, listener);
    return createSecureServer({ ...TIMES, ...secureOptions(tls) }, listener);
  };
  return Fastify({
    serverFactory,
    logger: false,
    forceCloseConnections: true,
    return503OnClosing: false,
    routerOptions: { maxParamLength: 1024 },
    // No route gives fastify a schema. Its own compilers, ajv among them, are loaded when it finds
    // none here: 10 ms of every start.
    schemaController: { compilersFactory: { buildValidator: none, buildSerializer: none } },
  });
}

/** Certificates of clients are looked at only by the routes that want them. */
export function secureOptions({ certificate, key, clientAuthority }: ServerTls) {
  return {
    cert: certificate,
    key,
    minVersion: LEAST_TLS_VERSION,
    ...(clientAuthority === null
      ? {}
      : { ca: clientAuthority, requestCert: true, rejectUnauthorized: false }),
  } as const;
}

/** The server's whole HTTP side; it does not listen yet. */
export function assembleHttp(assembly: Assembly): FastifyInstance {
  const { parts, results, desk, door, session, adminToken, log } = assembly;
  const { clock } = parts.core;
  const hotBlobs = new HotBlobs();
  const isSession = secretMatcher(session);
  const http = newHttp(assembly.tls, (request, response) =>
    hotBlobs.answer(request, response, isSession),
  );
  // A peer that has vanished (power, cable) answers no probe, and what waits for it is let go.
  http.server.on('connection', (socket) => void socket.setKeepAlive(true, PROBED_AFTER_MS));
  answerProblems(http, (error, where) =>
    log('error', 'a request failed', {
      where,
      error: messageOf(error),
      stack: (error as Error).stack,
    }),
  );
  serveFaces(http, assembly.faces);
  const handlers: ApiHandlers = {
    ...fileHandlers(parts),
    ...dataHandlers(parts),
    ...jobHandlers(parts),
    ...machineHandlers(parts),
    ...serverHandlers(parts),
    ...whyHandlers(parts),
    ...taskHandlers(parts),
    ...historyHandlers(parts),
    ...traceHandlers(assembly.traces, assembly.errands),
  };
  const { core, blobs } = parts;
  const adminGate = gate(adminToken, () => serverErrors.create('TOKEN_WRONG'), clock);
  const workerGate = gate(session, () => wireErrors.create('SESSION_WRONG'), clock);
  const { errands, clients } = assembly;
  http.register(workerRoutes, {
    ...{ core, desk, errands, results, blobs, hotBlobs, clients },
    attributes: new AttributeDesk(core, parts.store),
    version: parts.version,
    gate: workerGate,
  });
  http.register(apiRoutes, { handlers, gate: adminGate, clock });
  http.register(uploadRoutes, {
    ...{ gate: adminGate, blobs, datastore: parts.datastore, clock },
    directory: parts.layout.uploads,
  });
  http.register(openProtocol, {
    door,
    isSession,
    limit: new SessionLimit(clock),
    clock,
    spoolDirectory: parts.layout.spool,
    onFault: (message, error) =>
      log('error', message, { error: messageOf(error), stack: (error as Error).stack }),
  });
  return http;
}
