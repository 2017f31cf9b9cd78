/**
 * A rack for tests: a server on the head of a field of hosts, workers on the hosts, and what may
 * befall them. The server is asked by curl on the head, as the test itself is not in that network.
 */
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, chownSync, copyFileSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { JobDetail, JobStats, WorkerView } from '#wire';
import { HEAD_ADDRESS, type HostField } from './hosts.ts';
import { isWorker } from './processes.ts';
import { killQuietly, type Running } from './sweep-field.ts';
import { until } from './until.ts';

const PORT = 8980;
const STARTS_MS = 30_000;

export class Rack {
  readonly field: HostField;
  readonly url = `http://${HEAD_ADDRESS}:${PORT}`;
  readonly #serving: readonly string[];
  readonly #workers = new Map<string, ChildProcess>();
  readonly #said = new Map<string, string>();
  server!: Running;

  /** @param options of `windrow serve` */
  constructor(field: HostField, options: readonly string[]) {
    this.field = field;
    const listen = ['--listen', `${HEAD_ADDRESS}:${PORT}`, '--insecure'];
    this.#serving = ['serve', '--state', 'state', ...listen, ...options];
  }

  async serve(): Promise<void> {
    const server = this.field.sweep.start(this.#serving);
    this.server = server;
    await server.until('the server serves', () => server.stdout() !== '');
    const token = readFileSync(this.field.sweep.path('state/admin-token'), 'utf8').trim();
    this.field.sweep.write('curl', `header = "Authorization: Bearer ${token}"\n`, 0o600);
  }

  /** Options by which commands on the head find the server. */
  get there(): string[] {
    return ['--server', this.url, '--token-file', 'state/admin-token'];
  }

  /** Starts `argv` as ada on a host, with the session in ~/session. */
  run(name: string, host: string, argv: readonly string[]): ChildProcess {
    const home = join(this.field.host(host).directory, 'home');
    const session = join(home, 'session');
    copyFileSync(this.field.sweep.path('state/session'), session);
    chmodSync(session, 0o600);
    const { uid, gid } = statSync(home);
    chownSync(session, uid, gid);
    const child = this.field.host(host).spawn(argv);
    for (const stream of [child.stdout!, child.stderr!]) {
      stream.on('data', (bytes) => this.#said.set(name, `${this.#said.get(name) ?? ''}${bytes}`));
    }
    this.#workers.set(name, child);
    return child;
  }

  /** @param clock how far its clock of day is off, e.g. `+10 years`; left out: not at all */
  worker(host: string, clock?: string): ChildProcess {
    const home = join(this.field.host(host).directory, 'home');
    writeFileSync(join(home, 'clock.mjs'), clockScript(clock));
    const environment = ['env', 'NODE_OPTIONS=--import=/home/ada/clock.mjs'];
    const server = ['--server', this.url, '--session-file', '/home/ada/session'];
    // Walls are proven elsewhere, and putting up five thousand takes longer than the rest.
    const own = ['--slots', '2', '--name', host, '--dir', '/home/ada/worker', '--walls', 'bare'];
    const command = ['/mnt/windrow/bin/windrow', 'worker', ...server, ...own];
    return this.run(host, host, [...environment, ...command]);
  }

  /** A client of the open protocol made of curl and sh. */
  curlWorker(host: string): ChildProcess {
    const script = '/mnt/windrow/examples/curl-worker/worker.sh';
    const given = [this.url, '/home/ada/session', '/home/ada/curl'];
    const environment = ['env', `WINDROW_NAME=curl-${host}`, 'WINDROW_GIVE_UP=20'];
    return this.run(`curl on ${host}`, host, [...environment, 'sh', script, ...given]);
  }

  /** What a worker has printed. */
  said(name: string): string {
    return this.#said.get(name) ?? '';
  }

  /** The worker's process itself, not what it has started: the one that has a pulse thread. */
  pidOf(host: string): number {
    const seen = this.field.host(host).processes();
    const found = seen.find(isWorker);
    if (!found) throw new Error(`no worker runs on ${host}`);
    return found.pid;
  }

  kill(host: string): void {
    killQuietly(this.pidOf(host));
  }

  /** Stops the worker's process dead; what it has started goes on. */
  freeze(host: string): void {
    process.kill(this.pidOf(host), 'SIGSTOP');
  }

  thaw(host: string): void {
    process.kill(this.pidOf(host), 'SIGCONT');
    // What brought it there stopped itself with it.
    this.#workers.get(host)?.kill('SIGCONT');
  }

  /** Answers of the API; null while the server does not answer. */
  async ask<T>(path: string): Promise<T | null> {
    const config = this.field.sweep.path('curl');
    const argv = ['curl', '-s', '-f', '-m', '10', '-K', config, `${this.url}/v1/${path}`];
    const { code, stdout } = await this.field.runOnHead(...argv);
    return code === 0 ? (JSON.parse(stdout) as T) : null;
  }

  async workers(): Promise<readonly WorkerView[]> {
    return (await this.ask<{ workers: WorkerView[] }>('workers'))?.workers ?? [];
  }

  /** The latest of that name. */
  async stateOf(name: string): Promise<WorkerView['state'] | undefined> {
    return (await this.workers()).findLast((worker) => worker.name === name)?.state;
  }

  async untilState(names: readonly string[], state: WorkerView['state']): Promise<void> {
    await until(
      `${names.join(', ')} are ${state}`,
      async () => {
        const all = await this.workers();
        const isSo = (name: string) => all.findLast((one) => one.name === name)?.state === state;
        return names.every(isSo);
      },
      STARTS_MS * 2,
    );
  }

  job(id: number): Promise<JobDetail | null> {
    return this.ask<JobDetail>(`jobs/${id}`);
  }

  stats(id: number): Promise<JobStats | null> {
    return this.ask<JobStats>(`jobs/${id}/stats`);
  }

  /** Resolves when all that was started on the hosts has ended. */
  async ended(): Promise<void> {
    for (const child of this.#workers.values()) {
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
    }
  }
}

/**
 * What a process loads first, so that it takes another time for now, as by a clock that is wrong. It says
 * what it takes it for: a worker that nothing befalls has no reason to.
 */
function clockScript(clock = '+0 years'): string {
  const [years = ''] = clock.split(' ');
  const aheadMs = Number(years) * 365 * 86_400_000;
  return `
    import { isMainThread } from 'node:worker_threads';
    const Real = Date;
    globalThis.Date = class extends Real {
      constructor(...given) {
        if (given.length === 0) super(Real.now() + ${aheadMs});
        else super(...given);
      }
      static now() {
        return Real.now() + ${aheadMs};
      }
    };
    if (isMainThread) console.error(JSON.stringify({ time: new Date() }));
  `;
}
