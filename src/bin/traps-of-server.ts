/** The trap collector as a part of `windrow serve`: on its port, with its token, hearing of its faults. */
import { type TrapSettings, WindrowError } from '#base';
import type { TrapRecord } from '#model';
import type { FaultNews, Server } from '#server';
import { bindTcp, bindUdp, type TrapService, trapReport } from '#traps';
import { makeTrapState, openTrapService } from './traps.ts';

export interface TrapsOfServer {
  readonly face: TrapService['face'];
  /** From now on the server's faults are traps. */
  watch(server: Server): void;
  close(): Promise<void>;
}

export interface TrapsOfServerOptions {
  /** Port, host and account are those of the server. */
  readonly settings: TrapSettings;
  readonly stateDirectory: string;
  readonly token: string;
  readonly onTold: (trap: TrapRecord) => void;
  readonly log: (level: 'info' | 'warn' | 'error', message: string, facts?: object) => void;
}

const SOURCE = 'windrow';
const NODES_MS = 5000;

/** @throws WindrowError LISTEN_FAILED, STATE_… */
export async function openTrapsOfServer(options: TrapsOfServerOptions): Promise<TrapsOfServer> {
  const { settings, stateDirectory } = options;
  if (settings.history > 0) makeTrapState(stateDirectory, null);
  const udp = settings.syslogUdp ? await bindUdp(settings.syslogUdp) : null;
  const tcp = settings.syslogTcp ? await bindTcp(settings.syslogTcp) : null;
  let timer: NodeJS.Timeout | undefined;
  try {
    const service = await openTrapService({ ...options, udp, tcp });
    return {
      face: service.face,
      watch: (server) => {
        watchFaults(server, service, settings.node);
        timer = setInterval(() => observeWorkers(server, service), NODES_MS);
      },
      close: () => {
        clearInterval(timer);
        return service.close();
      },
    };
  } catch (error) {
    udp?.close();
    tcp?.close();
    throw error instanceof WindrowError
      ? error
      : new Error('traps cannot be collected', { cause: error });
  }
}

/** What an earlier life of the server told of is ended if it does not hold any more. */
function watchFaults(server: Server, { collector, keeping }: TrapService, self: string): void {
  const told = collector
    .holding()
    .filter(({ source }) => source === SOURCE)
    .map(({ node, condition }) => ({ node: node === self ? '' : node, condition }));
  // The process has a life of its own; within it the news are counted.
  const life = `${process.pid}.${process.hrtime.bigint()}`;
  let count = 0;
  server.watchFaults(told, (news) => {
    collector.accept(trapReport({ ...reportOf(news, self), sequence: `${life}.${++count}` }));
    keeping.touch();
  });
}

/** The machines of workers are nodes, whether or not something is wrong with them. */
function observeWorkers({ core }: Server, { collector }: TrapService): void {
  for (const { kind, name, state, diskFreeBytes } of core.workers.values()) {
    if (kind !== 'sync') continue;
    const responding = state !== 'lost';
    collector.observe({
      node: name,
      state: `worker ${state}`,
      freeBytes: diskFreeBytes,
      responding,
    });
  }
}

function reportOf(news: FaultNews, self: string) {
  const { condition, node } = news.fault;
  const about = { condition, node: node || self, source: SOURCE };
  if (news.kind === 'begun') {
    const { category, message } = news.fault;
    return { ...about, kind: 'raise', category, message } as const;
  }
  const message = 'message' in news.fault ? `over: ${news.fault.message}` : `over: ${condition}`;
  return { ...about, kind: 'clear', category: 0, message } as const;
}
