/** A server on a state directory: secrets, store, listening, and the file by which others find it. */
import { randomBytes } from 'node:crypto';
import { existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import {
  type Clock,
  isLoopback,
  makeDirectories,
  replaceFile,
  type SharingSettings,
  type StagingValues,
  systemClock,
  systemReasonOf,
  type TrapSettings,
} from '#base';
import type { TlsWish, TraceStoreOptions } from '#cli';
import { PageFace } from '#dashboard';
import type { StoreEvent } from '#datastore';
import type { OpenLineProcess } from '#results';
import { findLauncher, openLineProcess, openStarter } from '#sandbox';
import { layoutOf, Server, serverErrors } from '#server';
import { SqliteStore, storeErrors } from '#store';
import { ensureSecretFile } from '#wire';
import { findExecutableIn } from './executables.ts';
import type { ServerStore } from './stores.ts';
import type { OpenTls } from './tls.ts';
import type { OpenTraces } from './traces.ts';
import type { TrapsOfServer } from './traps-of-server.ts';
import { VERSION } from './version.ts';

export interface OpenServerOptions {
  /** Absolute. */
  readonly stateDirectory: string;
  readonly listen: { readonly host: string; readonly port: number };
  readonly insecure: boolean;
  /** Null: plain HTTP. */
  readonly tls: TlsWish | null;
  /** Only its own user submits to it: the user's code may run with the user's rights. */
  readonly isOwn: boolean;
  /** Nothing is handed out or changed, and nobody is told where it listens. */
  readonly readOnly: boolean;
  readonly leaseMs: number;
  readonly pingMs: number;
  readonly diskReserveBytes: number;
  /** Absolute, or `''`: the site has no policies. */
  readonly policyFile: string;
  readonly policyMs: number;
  readonly sharing: SharingSettings;
  /** Absolute directory of executables for workers, or `''`: the usual one. */
  readonly executables: string;
  /** Null: no inputs come through it, as where it only reads. */
  readonly staging: StagingValues | null;
  /** Absolute home directory of its account. */
  readonly home: string;
  /** Null: it takes no traces. */
  readonly traces: TraceStoreOptions | null;
  /** Null: it collects no traps. */
  readonly traps: TrapSettings | null;
  /** The environment that code of users gets. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly log: (level: 'info' | 'warn' | 'error', message: string, facts?: object) => void;
  readonly onStop: (mode: 'drain' | 'now', error?: unknown) => void;
  readonly clock?: Clock;
}

export interface OpenServer {
  readonly server: Server;
  readonly url: string;
  readonly token: string;
  readonly session: string;
  /** The state is given up not before `last` is over. */
  close(last?: Promise<unknown>): Promise<void>;
}

/** Validators at the same time: they share the machine with the programs. */
const VALIDATORS = 2;

/**
 * @throws WindrowError STATE_…, SECRET_FILE_…, LISTEN_INSECURE, PORT_TAKEN, LISTEN_FAILED
 */
export async function openServer(options: OpenServerOptions): Promise<OpenServer> {
  const { listen, stateDirectory } = options;
  const layout = layoutOf(stateDirectory);
  const local = isLoopback(listen.host);
  if (!local && !options.insecure && options.tls === null) {
    throw serverErrors.create('LISTEN_INSECURE', { address: `${listen.host}:${listen.port}` });
  }
  makeStateDirectory(stateDirectory);
  // First of all, because it is also what keeps a second server out.
  const store = new SqliteStore(layout.database);
  let server: Server | undefined;
  let traces: OpenTraces | undefined;
  let traps: TrapsOfServer | undefined;
  let tls: OpenTls | undefined;
  let data: ServerStore | undefined;
  try {
    const session = await ensureSecretFile(layout.session);
    const token = await ensureSecretFile(layout.adminToken);
    if (options.tls) {
      // Loaded only when it is wanted, as traces: every start of the server is felt.
      const { openTls } = await import('./tls.ts');
      tls = openTls(options.tls, options.traces?.clientAuthority ?? '', {
        onRenewed: (renewed) => server?.takeCertificate(renewed),
        log: options.log,
      });
    }
    if (options.traces) {
      const { openTraces } = await import('./traces.ts');
      traces = await openTraces(options.traces, {
        insecure: options.insecure,
        onStored: (trace) => server?.traceStored(trace),
        log: options.log,
      });
    }
    if (options.traps) {
      const { openTrapsOfServer } = await import('./traps-of-server.ts');
      traps = await openTrapsOfServer({
        settings: options.traps,
        stateDirectory: join(stateDirectory, 'traps'),
        token,
        onTold: (trap) => server?.trapTold(trap),
        log: options.log,
      });
    }
    const { staging, environment, home } = options;
    if (!options.readOnly && staging !== null) {
      const { openServerStore } = await import('./stores.ts');
      const directory = join(stateDirectory, 'data');
      const clock = options.clock ?? systemClock;
      const log = {
        info: (facts: object, sentence: string) => options.log('info', sentence, facts),
        warn: (facts: object, sentence: string) => options.log('warn', sentence, facts),
      };
      const onEvent = (event: StoreEvent) => {
        if (event.kind === 'corrupt') server?.dataDamaged(event.key, event.reason);
        else if (event.kind === 'garbage') server?.dataDamaged(event.path, event.reason);
      };
      const of = { directory, staging, environment, home, clock, log, onEvent };
      data = await openServerStore(of);
    }
    server = await Server.open({
      data: data ?? null,
      store,
      stateDirectory,
      session,
      adminToken: token,
      clock: options.clock ?? systemClock,
      version: VERSION,
      leaseMs: options.leaseMs,
      pingSeconds: Math.round(options.pingMs / 1000),
      stagerPatienceMs: options.staging?.stagerPatienceMs ?? 0,
      diskReserveBytes: options.diskReserveBytes,
      policy: { file: options.policyFile, intervalMs: options.policyMs },
      sharing: options.sharing,
      userCode: local || options.isOwn ? 'run' : 'refuse',
      userCodePorts: {
        openLineProcess: lineProcess,
        // The launcher ends what it runs when this server is killed.
        openStarter: () => openStarter({ launcherPath: findLauncher() }),
        environment: environmentForUserCode(options.environment),
        nonce: () => randomBytes(18).toString('base64url'),
      },
      validators: VALIDATORS,
      findClient: findExecutableIn(options.executables),
      readOnly: options.readOnly,
      tls: tls?.first ?? null,
      faces: [new PageFace(), ...[traces, traps].flatMap((one) => (one ? [one.face] : []))],
      traces: traces?.store ?? (await tracesToRead(options)),
      log: options.log,
      onStop: options.onStop,
    });
    traps?.watch(server);
    const url = await server.listen(listen.host, listen.port);
    if (options.readOnly) return { server, url, token, session, close: () => server!.close() };
    writeEndpoint(layout.endpoint, url);
    return {
      server,
      url,
      token,
      session,
      close: (last) => closeServer(server!, last, layout.endpoint, tls, [traces, traps, data]),
    };
  } catch (error) {
    tls?.close();
    await traces?.close();
    await traps?.close();
    await data?.close();
    if (server) await server.close().catch(() => undefined);
    else await store.close();
    throw error;
  }
}

/** Traces that came home once can be read without a server that takes more of them. */
async function tracesToRead({ readOnly, stateDirectory }: OpenServerOptions) {
  if (!readOnly || !existsSync(join(stateDirectory, 'traces'))) return null;
  return (await import('./traces.ts')).openTracesToRead(join(stateDirectory, 'traces'));
}

/** The sandbox's line processes in the shape that results asks for. */
const lineProcess: OpenLineProcess = ({ onEnd, ...request }) =>
  openLineProcess({
    ...request,
    onEnd: ({ message, stdout, stderr }) =>
      onEnd({ reason: message, stdout: stdout.text, stderr: stderr.text }),
  });

async function closeServer(
  server: Server,
  last: Promise<unknown> | undefined,
  endpoint: string,
  tls: OpenTls | undefined,
  beside: readonly ({ close(): Promise<void> } | undefined)[],
): Promise<void> {
  tls?.close();
  rmSync(endpoint, { force: true });
  await server.close(last);
  for (const one of beside) await one?.close();
}

function makeStateDirectory(directory: string): void {
  try {
    makeDirectories(directory, 0o700);
  } catch (error) {
    throw storeErrors.create('STATE_UNWRITABLE', { directory, why: systemReasonOf(error) });
  }
}

/** Commands of other processes read it. */
function writeEndpoint(path: string, url: string): void {
  replaceFile(path, JSON.stringify({ url, pid: process.pid, version: VERSION }));
}

const KEPT = ['PATH', 'HOME', 'USER', 'LANG', 'LC_ALL', 'TZ', 'TMPDIR'];

function environmentForUserCode(
  environment: Readonly<Record<string, string | undefined>>,
): Record<string, string> {
  const kept: Record<string, string> = {};
  for (const name of KEPT) {
    const value = environment[name];
    if (value !== undefined) kept[name] = value;
  }
  return kept;
}
