/** A collector for tests: the face on a port of loopback, its store in a directory that goes again. */
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ManualClock } from '#base';
import type { AccessRules } from '../receive/access.ts';
import { TracesFace } from '../receive/face.ts';
import type { StoredTrace } from '../store/description.ts';
import { type TraceLimits, TraceStore } from '../store/trace-store.ts';

export interface CollectorOptions {
  readonly directory?: string;
  readonly limits?: Partial<TraceLimits>;
  readonly rules?: Partial<AccessRules>;
  readonly anonymous?: boolean;
  readonly mostAtOnce?: number;
}

const LIMITS: TraceLimits = { fileBytes: 2 ** 30, idBytes: 2 ** 32, idFiles: 1000 };
const RULES: AccessRules = {
  account: 'rocks',
  secret: '',
  needsCertificate: false,
  insecure: false,
};

export class Collector {
  readonly directory: string;
  readonly clock = new ManualClock();
  readonly stored: StoredTrace[] = [];
  readonly faults: unknown[] = [];
  readonly #isOwn: boolean;
  readonly #options: CollectorOptions;
  store!: TraceStore;
  #server!: Server;
  url = '';
  port = 0;

  private constructor(options: CollectorOptions) {
    this.#options = options;
    this.#isOwn = options.directory === undefined;
    this.directory = options.directory ?? mkdtempSync(join(tmpdir(), 'windrow-traces-'));
  }

  static async open(options: CollectorOptions = {}): Promise<Collector> {
    const collector = new Collector(options);
    await collector.start();
    return collector;
  }

  /** Also again, on the same directory, after `stop`. */
  async start(): Promise<void> {
    const { limits, rules, anonymous = false, mostAtOnce = 200 } = this.#options;
    this.store = TraceStore.open({
      directory: this.directory,
      limits: { ...LIMITS, ...limits },
      anonymous,
      clock: this.clock,
      onStored: (trace) => this.stored.push(trace),
    });
    const face = new TracesFace({
      store: this.store,
      rules: { ...RULES, ...rules },
      unfinishedMs: 7 * 86_400_000,
      mostAtOnce,
      onFault: (_message, error) => this.faults.push(error),
    });
    this.#server = createServer((request, response) => void face.handle(request, response));
    await new Promise<void>((resolve) => this.#server.listen(this.port, '127.0.0.1', resolve));
    this.port = (this.#server.address() as AddressInfo).port;
    this.url = `http://127.0.0.1:${this.port}`;
  }

  /** As a killed process would: connections break. */
  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
    await this.store.close();
  }

  async close(): Promise<void> {
    await this.stop();
    if (this.#isOwn) rmSync(this.directory, { recursive: true, force: true });
  }

  /** `id/name` of all that is stored. */
  async names(): Promise<string[]> {
    const traces = await Array.fromAsync(this.store.list());
    return traces.map(({ id, name }) => `${id}/${name}`);
  }

  incoming(): Promise<string[]> {
    return readdir(this.store.incoming);
  }
}

export const freshName = (): string => `t${randomUUID().slice(0, 8)}.out`;
