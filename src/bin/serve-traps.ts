/**
 * `windrow traps serve`. The order matters: ports are bound while it may still be root, then it
 * becomes its account, and only then is anything of others read; it says that it is ready when it
 * answers.
 */
import { closeSync, writeSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { openLog, type TrapSettings, type WindrowError } from '#base';
import { codedError, type TrapsServeOptions, type World } from '#cli';
import type { TrapRecord } from '#model';
import type { Rules } from '#rules';
import { type BoundHttp, bindHttp, bindTcp, bindUdp, type TrapService } from '#traps';
import { becomeDaemon } from './daemon.ts';
import { removePidFile, writePidFile } from './pid-file.ts';
import { accountToBe, become } from './privileges.ts';
import { tellReady } from './ready.ts';
import { eventOfTrap, openRules } from './rules.ts';
import { makeTrapState, openTrapService, requireTrapState } from './traps.ts';

/**
 * It runs beside servers that need the memory: the space of young objects stays at its first size.
 * Measured with 100,000 nodes by bench/traps.ts: 170 MiB in place of 214, and as many traps a second.
 */
const SMALL_YOUNG_SPACE = '--semi-space-growth-factor=1';
/**
 * Garbage may take 40 % of what lives, not several times as much. In a storm of 10,000 traps a second memory
 * stays where it is after ten seconds, at 160 MiB in place of 250 that still grow, for a fifth more CPU.
 */
const LITTLE_GARBAGE = '--heap-growing-percent=40';

export async function serveTraps(options: TrapsServeOptions, world: World): Promise<number> {
  const { settings, readyFd } = options;
  if (settings.daemon && readyFd === null) return await becomeDaemon(options, world);
  const isDaemon = readyFd !== null;
  for (const flag of [SMALL_YOUNG_SPACE, LITTLE_GARBAGE]) setFlagsFromString(flag);
  try {
    return await serve(options, world, isDaemon);
  } catch (error) {
    if (readyFd !== null) {
      // Whoever waits may try again at once, and must find nothing.
      removePidFile(settings.pidFile);
      tell(readyFd, codedError(error, world.surroundings, world.clock.now()));
    }
    throw error;
  } finally {
    if (isDaemon) removePidFile(settings.pidFile);
  }
}

async function serve(options: TrapsServeOptions, world: World, isDaemon: boolean): Promise<number> {
  const { settings, readyFd } = options;
  const { environment } = world.surroundings;
  const logger = await openLog({
    ...options.log,
    write: (line) => void world.stderr.attempt(line),
  });
  const log: Log = (level, message, facts) => logger[level](facts ?? {}, message);
  // No file system is held that somebody may want to unmount; paths are absolute by now.
  if (isDaemon) process.chdir('/');
  const account = await accountToBe(settings.user);
  if (isDaemon) writePidFile(settings.pidFile);
  const bound = await bindAll(settings);
  let service: TrapService | undefined;
  let rules: Rules | null = null;
  try {
    if (settings.history > 0) makeTrapState(settings.stateDirectory, account);
    if (account) become(account, isDaemon ? [settings.pidFile] : []);
    else if (process.getuid?.() === 0) log('warn', 'it stays root, as it was told');
    if (settings.history > 0) requireTrapState(settings.stateDirectory);
    const { stateDirectory } = settings;
    rules = settings.rules === '' ? null : await openRules(settings.rules, log);
    const onTold = (trap: TrapRecord): void => rules?.happened(eventOfTrap(trap));
    service = await openTrapService({ settings, stateDirectory, ...bound, onTold, log });
    bound.http.begin(service.face);
    const line = `windrow: collecting traps at ${urlOf(settings.host, bound.http.port)}\n`;
    if (readyFd === null) await world.stdout.write(line);
    else {
      tell(readyFd, line);
      log('info', 'traps are collected', { url: urlOf(settings.host, bound.http.port) });
    }
    const untold = await tellReady(environment, line.trim());
    if (untold !== null) log('warn', 'the service manager could not be told', { reason: untold });
    await ended(world.ending);
    if (isDaemon) log('info', 'the collector ends, as it was told');
  } finally {
    await bound.http.close();
    await rules?.close();
    if (service) await service.close();
    else closeSyslog(bound);
    dieIfStuck(service, log);
  }
  return 0;
}

type Log = (level: 'info' | 'warn' | 'error', message: string, facts?: object) => void;

interface Bound {
  readonly http: BoundHttp;
  readonly udp: Awaited<ReturnType<typeof bindUdp>> | null;
  readonly tcp: Awaited<ReturnType<typeof bindTcp>> | null;
}

async function bindAll({ host, port, syslogUdp, syslogTcp }: TrapSettings): Promise<Bound> {
  const http = await bindHttp(host, port);
  const partial: { udp: Bound['udp']; tcp: Bound['tcp'] } = { udp: null, tcp: null };
  try {
    if (syslogUdp) partial.udp = await bindUdp(syslogUdp);
    if (syslogTcp) partial.tcp = await bindTcp(syslogTcp);
    return { http, ...partial };
  } catch (error) {
    closeSyslog(partial);
    await http.close();
    throw error;
  }
}

function closeSyslog({ udp, tcp }: Pick<Bound, 'udp' | 'tcp'>): void {
  udp?.close();
  tcp?.close();
}

function urlOf(host: string, port: number): string {
  const name = host === '' ? 'localhost' : host.includes(':') ? `[${host}]` : host;
  return `http://${name}:${port}`;
}

function ended(ending: AbortSignal): Promise<void> {
  if (ending.aborted) return Promise.resolve();
  return new Promise((resolve) =>
    ending.addEventListener('abort', () => resolve(), { once: true }),
  );
}

/**
 * How the start went, for whoever waits for a daemon: a line, or an error as JSON. Nobody may wait
 * any more.
 */
function tell(fd: number, news: string | WindrowError): void {
  const { code, message, todo, status, facts } = news as WindrowError;
  const text =
    typeof news === 'string' ? news : JSON.stringify({ code, message, todo, status, facts });
  try {
    writeSync(fd, text);
    closeSync(fd);
  } catch {}
}

/** A thread that hangs in the kernel would be waited for at the end, for ever. All else is closed. */
function dieIfStuck(service: TrapService | undefined, log: Log): void {
  const stuck = service?.stuck ?? [];
  if (stuck.length === 0) return;
  log('warn', 'reading does not come back even now; the process is killed', { files: stuck });
  process.kill(process.pid, 'SIGKILL');
}
