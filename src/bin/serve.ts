/** `windrow serve`, and reading a state directory that has no server. */
import { EQUAL_SHARES, openLog } from '#base';
import type { OpenedServer, ServeOptions, World } from '#cli';
import { type OpenServer, type OpenServerOptions, openServer } from './open-server.ts';
import { tellReady } from './ready.ts';

/** How often a draining server looks whether everything has come in. */
const DRAIN_LOOK_MS = 50;
const FAREWELL_LOOKS = 60;

type Stop = { readonly mode: 'drain' | 'now'; readonly error?: unknown };

export async function serve(options: ServeOptions, world: World): Promise<number> {
  const log = await openLog({ ...options.log, write: (line) => void world.stderr.attempt(line) });
  const { promise: stopped, resolve: stop } = Promise.withResolvers<Stop>();
  const tell: OpenServerOptions['log'] = (level, message, facts) =>
    log[level](facts ?? {}, message);
  // Loaded only where there are some: every start of the server is felt.
  const rules =
    options.rules === '' ? null : await (await import('./rules.ts')).openRules(options.rules, tell);
  const opened = await openServer({
    stateDirectory: options.stateDirectory,
    listen: options.listen,
    insecure: options.insecure,
    tls: options.tls,
    isOwn: false,
    leaseMs: options.leaseMs,
    pingMs: options.pingMs,
    diskReserveBytes: options.diskReserveBytes,
    policyFile: options.policyFile,
    policyMs: options.policyMs,
    sharing: options.sharing,
    executables: options.executables,
    traces: options.traces,
    traps: options.traps,
    environment: world.surroundings.environment,
    staging: options.staging,
    home: world.surroundings.home,
    readOnly: false,
    log: tell,
    onStop: (mode, error) => stop({ mode, error }),
  });
  const unwatched = new AbortController();
  const acting = rules?.follow(opened.server.watch(unwatched.signal));
  const onEnding = (): void => stop({ mode: 'now' });
  world.ending.addEventListener('abort', onEnding);
  if (world.ending.aborted) onEnding();
  await world.stdout.write(`windrow: serving ${opened.url}\n`);
  const untold = await tellReady(world.surroundings.environment, `serving ${opened.url}`);
  if (untold !== null) log.warn({ reason: untold }, 'the service manager could not be told');
  const { mode, error } = await stopped;
  if (mode === 'drain') await drained(opened, world.ending);
  unwatched.abort();
  await acting;
  await rules?.close();
  await opened.close();
  if (error) throw error;
  return 0;
}

async function drained({ server }: OpenServer, ending: AbortSignal): Promise<void> {
  server.drain();
  while (server.core.leases.size > 0 && !ending.aborted) await aLook();
  // Workers that have heard of the end say so; one that hangs is not waited for.
  for (let looks = 0; looks < FAREWELL_LOOKS && !ending.aborted; looks++) {
    const workers = [...server.core.workers.values()];
    const isHeard = workers.every(
      ({ kind, state, draining }) => kind === 'open' || state === 'lost' || draining,
    );
    if (isHeard) return;
    await aLook();
  }
}

function aLook(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, DRAIN_LOOK_MS));
}

const HOUR_MS = 3_600_000;

/** Nothing is handed out, checked or collected: the state stays as it is. */
export async function openState(
  stateDirectory: string,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<OpenedServer> {
  return openServer({
    stateDirectory,
    listen: { host: '127.0.0.1', port: 0 },
    insecure: false,
    tls: null,
    isOwn: true,
    leaseMs: HOUR_MS,
    pingMs: 0,
    diskReserveBytes: 0,
    policyFile: '',
    policyMs: 3_600_000,
    sharing: EQUAL_SHARES,
    executables: '',
    traces: null,
    traps: null,
    environment,
    staging: null,
    home: '/',
    readOnly: true,
    log: () => undefined,
    onStop: () => undefined,
  });
}
