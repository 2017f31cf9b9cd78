/** For tests: a small sweep in memory behind the open protocol, on a real listening server. */
import { readFile } from 'node:fs/promises';
import { promisify } from 'node:util';
import fastify, { type FastifyInstance } from 'fastify';
import { ManualClock, messageOf, systemClock } from '#base';
import type { Ticket } from '#model';
import {
  type AttemptToSpeak,
  type OpenConfig,
  type OpenTask,
  SessionLimit,
  type SpokenFailure,
  type SpooledPart,
  secretMatcher,
  spokenTask,
} from '#wire';
import { type OpenProtocolOptions, openProtocol } from '../../open-protocol.ts';
import { requestForLog } from '../log.ts';
import type { NoTask, OpenDoor, OpenProgram } from '../port.ts';

export const SESSION = 'correct-horse-battery-staple';

export type FakeTask = Omit<AttemptToSpeak, 'ticket'>;

/** Name of a result, and file name for patterns, to its content. */
export type FakeResults = Record<string, Buffer>;

/** Each task is done once; a failed one is not tried again. */
export class FakeDoor implements OpenDoor {
  readonly #waiting: [index: number, task: FakeTask][];
  readonly #running = new Map<Ticket, [index: number, task: FakeTask]>();
  #ticket = 100;
  configuration: OpenConfig = { deleteWorker: true, deleteClient: false, pingS: 0, worker: null };
  programs = new Map<string, Map<string, Buffer>>();
  readonly done = new Map<number, FakeResults>();
  readonly failed = new Map<number, SpokenFailure>();
  readonly pings: Ticket[] = [];
  readonly returned: Ticket[] = [];
  readonly leases: { worker: string; address: string }[] = [];
  platform: string | null | undefined;
  /** Called before a lease is given, e.g. to hold it back. */
  beforeLease: () => Promise<void> = async () => {};
  retryAfterS = 1;

  constructor(tasks: readonly FakeTask[] = []) {
    this.#waiting = [...tasks.entries()];
  }

  get runningTickets(): Ticket[] {
    return [...this.#running.keys()];
  }

  /** The task is given to nobody any more: its ticket is expired. */
  cancel(ticket: Ticket): void {
    this.#running.delete(ticket);
  }

  async config(platform: string | null): Promise<OpenConfig> {
    this.platform = platform;
    return this.configuration;
  }

  async ping(ticket: Ticket): Promise<'go-on' | 'expired'> {
    this.pings.push(ticket);
    return this.#running.has(ticket) ? 'go-on' : 'expired';
  }

  async program(name: string, platform: string): Promise<OpenProgram | 'unknown' | 'no-build'> {
    const builds = this.programs.get(name);
    if (!builds) return 'unknown';
    const bytes = builds.get(platform);
    if (!bytes) return 'no-build';
    return {
      bytes: bytes.length,
      content: async function* () {
        yield bytes;
      },
    };
  }

  async lease(worker: string, address: string): Promise<OpenTask | NoTask> {
    await this.beforeLease();
    const next = this.#waiting.shift();
    if (!next) {
      if (this.#running.size === 0) return { none: 'finished' };
      return { none: 'running', retryAfterS: this.retryAfterS };
    }
    this.leases.push({ worker, address });
    const ticket = this.#ticket++;
    this.#running.set(ticket, next);
    return spokenTask({ ...next[1], ticket });
  }

  async undelivered(ticket: Ticket): Promise<void> {
    this.returned.push(ticket);
    const task = this.#running.get(ticket);
    this.#running.delete(ticket);
    if (task) this.#waiting.push(task);
  }

  async complete(ticket: Ticket, parts: readonly SpooledPart[]): Promise<'taken' | 'duplicate'> {
    const running = this.#running.get(ticket);
    if (!running) return 'duplicate';
    const results: FakeResults = {};
    for (const { name, file, content } of parts) {
      const key = /[*?[]/.test(fileOf(running[1], name)) ? `${name}:${file}` : name;
      results[key] = content.kind === 'memory' ? content.bytes : await readFile(content.path);
    }
    this.#running.delete(ticket);
    this.done.set(running[0], results);
    return 'taken';
  }

  async fail(ticket: Ticket, failure: SpokenFailure): Promise<void> {
    const running = this.#running.get(ticket);
    if (!running) return;
    this.#running.delete(ticket);
    this.failed.set(running[0], failure);
  }
}

function fileOf(task: FakeTask, name: string): string {
  return task.results.find((result) => result.name === name)?.file ?? '';
}

export interface OpenServer {
  readonly url: string;
  readonly port: number;
  readonly clock: ManualClock;
  /** Everything that was logged. */
  readonly log: string[];
  /** Connections that are open now. */
  connections(): Promise<number>;
  close(): Promise<void>;
}

/** Serves `door` on a free port of the loopback; the limit on wrong sessions has its own clock. */
export async function serveDoor(
  door: OpenDoor,
  spoolDirectory: string,
  options: Partial<OpenProtocolOptions> = {},
): Promise<OpenServer> {
  const clock = new ManualClock();
  const log: string[] = [];
  const server: FastifyInstance = fastify({
    logger: {
      level: 'info',
      serializers: { req: requestForLog },
      stream: { write: (line) => log.push(line) },
    },
    forceCloseConnections: true,
  });
  await server.register(openProtocol, {
    door,
    isSession: secretMatcher(SESSION),
    limit: new SessionLimit(clock, { burst: 5, refillMs: 2000, maxAddresses: 100 }),
    clock: systemClock,
    spoolDirectory,
    onFault: (message, error) => log.push(`${message}: ${messageOf(error)}`),
    ...options,
  });
  const url = await server.listen({ host: '127.0.0.1', port: 0 });
  const connections = promisify(server.server.getConnections.bind(server.server));
  const port = Number(new URL(url).port);
  return { url, port, clock, log, connections, close: () => server.close() };
}
