/** Traces: the store of a server, and the way of a machine's own to a collector. */
import { hrtime } from 'node:process';
import { isLoopback, messageOf, systemClock } from '#base';
import type { CollectTracesOptions, TraceSource, TraceStoreOptions } from '#cli';
import {
  type Collected,
  type CollectStep,
  type Compression,
  collectTraces as collect,
  prune,
  requireId,
  type StoredTrace,
  TraceStore,
  TracesFace,
  traceIdAt,
  tracesErrors,
} from '#traces';
import { readSecretFile, serverAddress } from '#wire';
import type { ErrandEnd, RunErrand } from '#worker';

const UNFINISHED_MS = 7 * 86_400_000;
const PRUNE_MS = 600_000;
const MOST_UPLOADS = 256;
const MOST_FILES = 10_000;

export interface OpenTraces {
  readonly store: TraceStore;
  readonly face: TracesFace;
  close(): Promise<void>;
}

interface TracesPorts {
  /** Uploads over plain HTTP from other machines are taken. */
  readonly insecure: boolean;
  readonly onStored: (trace: StoredTrace) => void;
  readonly log: (level: 'info' | 'warn' | 'error', message: string, facts?: object) => void;
}

/** Throws TRACE_STORE_FAILED, SECRET_FILE_…. */
export async function openTraces(
  options: TraceStoreOptions,
  { insecure, onStored, log }: TracesPorts,
): Promise<OpenTraces> {
  const { account, secretFile, anonymous, keepMs, spaceBytes } = options;
  const secret = secretFile === '' ? '' : await readSecretFile(secretFile);
  const store = openStore(options.directory, options, onStored);
  const face = new TracesFace({
    store,
    rules: { account, secret, needsCertificate: options.clientAuthority !== '', insecure },
    unfinishedMs: UNFINISHED_MS,
    mostAtOnce: MOST_UPLOADS,
    onFault: (message, error) => log('error', message, { error: messageOf(error) }),
  });
  const retention = { keepMs, spaceBytes, unfinishedMs: UNFINISHED_MS };
  const tidy = async () => {
    try {
      for (const { trace, why } of await prune(store, retention)) {
        log('info', 'a trace was given up', { id: trace.id, name: trace.name, why });
      }
    } catch (error) {
      log('warn', 'the trace store could not be tidied', { error: messageOf(error) });
    }
  };
  const timer = setInterval(tidy, PRUNE_MS);
  const close = async () => {
    clearInterval(timer);
    await store.close();
  };
  void tidy();
  if (!anonymous) log('info', 'traces are taken', { directory: store.directory });
  return { store, face, close };
}

/** For looking at traces where no server runs. */
export function openTracesToRead(directory: string): TraceStore {
  const limits = { fileLimitBytes: 0, idLimitBytes: 0, idFiles: 0 };
  return openStore(directory, { ...limits, anonymous: false }, () => {});
}

function openStore(
  directory: string,
  options: Pick<TraceStoreOptions, 'fileLimitBytes' | 'idLimitBytes' | 'idFiles' | 'anonymous'>,
  onStored: (trace: StoredTrace) => void,
): TraceStore {
  const { fileLimitBytes: fileBytes, idLimitBytes: idBytes, idFiles, anonymous } = options;
  const limits = { fileBytes, idBytes, idFiles };
  return TraceStore.open({ directory, limits, anonymous, clock: systemClock, onStored });
}

/** The one that is wished, or made of the time alone: nothing in it tells where. Throws TRACE_NAME_UNSAFE. */
export function traceIdFor(wished: string | undefined): string {
  return wished === undefined ? newTraceId() : requireId(wished);
}

function newTraceId(): string {
  return traceIdAt(BigInt(systemClock.now()) * 1_000_000n + (hrtime.bigint() % 1_000_000n));
}

/** Throws TRACE_PLAIN_HTTP, TRACE_DIRECTORY_FAILED, TRACE_SWITCH_FAILED, TLS_…. */
export async function collectTraces(
  options: CollectTracesOptions,
  signal: AbortSignal,
): Promise<Collected> {
  const { url, account, secret, insecure, compression, own, ...rest } = options;
  if (rest.directory === '') throw tracesErrors.create('TRACE_DIRECTORY_UNSET');
  if (!insecure && !isSafe(url)) throw tracesErrors.create('TRACE_PLAIN_HTTP');
  const { origin, pin } = serverAddress(url);
  const { openDispatcher } = await import('#uploads');
  const dispatcher = openDispatcher(origin, pin, own && (await certificateIn(own)));
  try {
    return await collect({
      ...rest,
      mostFiles: MOST_FILES,
      to: { url: origin, dispatcher, account, secret },
      compression: compression as Compression,
      signal,
    });
  } finally {
    await dispatcher.destroy();
  }
}

/** Throws TLS_…. */
async function certificateIn(files: NonNullable<TraceSource['own']>) {
  const { readTls } = await import('#certificates');
  const { certificate: cert, key } = readTls(files, systemClock.now());
  return { cert, key };
}

/** How a worker brings the traces of its machine: what the errand leaves open its settings say. */
export function errandRunner(source: TraceSource, memory: string): RunErrand {
  return async (errand, serverUrl, onProgress, signal) => {
    let soFar = { stored: 0, failed: 0, bytes: 0, foundBytes: 0, doneBytes: 0, message: '' };
    const directory = errand.directory || source.directory;
    const { url, account, secret, remove, insecure, traceId: id } = errand;
    const collected = await collectTraces(
      {
        ...source,
        directory,
        match: errand.match || source.match,
        compression: errand.compression || source.compression,
        // Its own server it talks to already, as safely as that is.
        ...(url === '' ? { url: serverUrl, insecure: true } : { url, insecure }),
        id,
        account,
        secret,
        remove,
        memory,
        onStep: (step) => {
          soFar = soFarAfter(soFar, step);
          onProgress(soFar);
        },
      },
      signal,
    );
    return { ...soFar, ...collected };
  };
}

function soFarAfter(soFar: ErrandEnd, step: CollectStep): ErrandEnd {
  switch (step.kind) {
    case 'progress': {
      const { foundBytes, doneBytes } = step;
      return { ...soFar, foundBytes, doneBytes };
    }
    case 'stored':
      return { ...soFar, stored: soFar.stored + 1, bytes: soFar.bytes + step.bytes };
    case 'failed': {
      const message = soFar.message || messageOf(step.error);
      return { ...soFar, failed: soFar.failed + 1, message };
    }
    default:
      return soFar;
  }
}

/** Encrypted, or never leaves the machine. Throws TRACE_URL_WRONG. */
function isSafe(url: string): boolean {
  const parsed = URL.parse(url);
  if (!parsed || !/^https?:$/.test(parsed.protocol))
    throw tracesErrors.create('TRACE_URL_WRONG', { url });
  const { protocol, hostname } = parsed;
  return protocol === 'https:' || isLoopback(hostname.replace(/^\[(.*)\]$/, '$1'));
}
