/** A worker's test in a few words: a server, a directory, an agent, all gone at the end. */
import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { removeTree, systemClock } from '#base';
import { type ContentSource, contentTransport, type Datastore, openDatastore } from '#datastore';
import { NO_OFFER } from '#model';
import { findLauncher, openStarter, type Walls } from '#sandbox';
import { type EndedAttempt, type JobDescription, ServerClient } from '#wire';
import { WorkerAgent } from '../agent.ts';
import { lazyStore, type WorkerStore } from '../lazy-store.ts';
import type { AgentLog, AgentOptions } from '../port.ts';
import { FieldServer, LIMIT_MS, SESSION } from './field-server.ts';

export const silent: AgentLog = { debug() {}, info() {}, warn() {}, error() {} };

/** A machine without walls, for jobs that ask for none. */
const bare: Walls = {
  needsNone: () => true,
  machine: async () => ({ able: [], networks: ['host'], roots: [], writable: [] }),
  abilities: async () => [],
  plan: () => Promise.reject(new Error('no walls here')),
  raise: async () => {},
  watch: () => () => {},
  endRemains: async () => [],
  settle: async () => [],
  takeDown: async () => {},
  remove: (path) => removeTree(path),
  close: async () => {},
};

export interface Field {
  readonly server: FieldServer;
  readonly dir: string;
  /** Starts the agent; repeatable after it has ended. */
  start(
    changes?: Partial<AgentOptions>,
    replaces?: string,
  ): { agent: WorkerAgent; ended: Promise<void> };
  /** Names left below `scratch` and `spool`. */
  leftovers(): string[];
  [Symbol.asyncDispose](): Promise<void>;
}

export async function openField(): Promise<Field> {
  const dir = mkdtempSync(join(tmpdir(), 'windrow-worker-test-'));
  for (const name of ['scratch', 'spool', 'blobs']) mkdirSync(join(dir, name));
  const server = new FieldServer();
  await server.listen();
  const agents: { agent: WorkerAgent; ended: Promise<void> }[] = [];
  return {
    server,
    dir,
    start(changes = {}, replaces) {
      const identity = { worker: randomUUID(), replaces: replaces ?? null };
      const agent = new WorkerAgent({ ...optionsFor(dir, server), ...changes }, identity);
      const started = { agent, ended: agent.run() };
      started.ended.catch(() => {}); // looked at by the test that expects it
      agents.push(started);
      return started;
    },
    leftovers: () => ['scratch', 'spool'].flatMap((name) => readdirSync(join(dir, name))),
    async [Symbol.asyncDispose]() {
      for (const { agent, ended } of agents) {
        agent.stop();
        await ended.catch(() => {});
      }
      await server.close();
      await removeTree(dir);
    },
  };
}

export function optionsFor(dir: string, server: { readonly url: string }): AgentOptions {
  return {
    endpoint: async () => ({ url: server.url, session: SESSION }),
    peerDoor: null,
    stager: '',
    connect: (endpoint) => new ServerClient(endpoint),
    runErrand: async () => ({
      ...{ stored: 0, failed: 0, bytes: 0, foundBytes: 0, doneBytes: 0, message: '' },
    }),
    openStarter: () => openStarter({ launcherPath: findLauncher() }),
    walls: bare,
    mountUnderScratch: () => [],
    name: 'field',
    version: '0.0.0',
    platform: `${process.platform}-${process.arch}`,
    slots: 2,
    dir,
    datastore: storeOf(dir, server),
    marks: join(dir, 'brought'),
    runPlugin: () => Promise.reject(new Error('no plugins here')),
    hostEnvironment: { PATH: process.env.PATH, HOME: '/root', WINDROW_SECRET: 'no' },
    policyFile: '',
    policyMs: 200,
    memoryBytes: 1 << 30,
    offer: NO_OFFER,
    pinnedCpus: [],
    gpus: { gpus: [], variablesFor: () => ({}), nodesFor: () => [] },
    giveUpMs: 60_000,
    deliverMs: 60_000,
    awayMs: 0,
    remainingMs: () => null,
    firstContactMs: 60_000,
    successor: null,
    onConnected: () => {},
    clock: systemClock,
    random: () => 0.5,
    log: silent,
  };
}

/** A real datastore, which asks the server for content. */
export function storeOf(dir: string, { url }: { readonly url: string }): WorkerStore {
  const client = new ServerClient({ url, session: SESSION });
  const server = { open: client.openBlob.bind(client) };
  const store = lazyStore(() => storeIn(join(dir, 'data'), server));
  return { ...store, close: () => store.close().finally(() => client.close()) };
}

export function storeIn(directory: string, server: ContentSource): Promise<Datastore> {
  return openDatastore({
    directory,
    transports: [contentTransport('windrow', server)],
    clock: systemClock,
    random: () => 0.5,
    fetching: { backoffFromMs: 10, backoffToMs: 50 },
    onEvent: () => {},
  });
}

/** Resolves when `condition` holds; looks a hundred times a second. */
export async function until(condition: () => boolean): Promise<void> {
  const endMs = performance.now() + LIMIT_MS;
  while (!condition()) {
    if (performance.now() > endMs) throw new Error(`never came true: ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

/** Runs one row of a job and gives its end. */
export async function run(
  field: Field,
  job: JobDescription,
  rows: readonly (readonly string[])[] = [['0']],
): Promise<EndedAttempt> {
  const before = field.server.ended.size;
  field.server.addTasks(job, rows);
  await field.server.until(() => field.server.ended.size === before + rows.length);
  return field.server.ends().at(-1)!;
}

/** The same with a worker of its own. */
export async function runAlone(job: JobDescription, row: readonly string[] = ['0']) {
  await using field = await openField();
  field.start();
  return await run(field, job, [row]);
}

/** A result that is a file. */
export function fileResult(name: string, path: string, required = true) {
  return { name, from: { kind: 'file', path }, required } as const;
}
