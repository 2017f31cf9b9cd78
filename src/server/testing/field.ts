/** A real server on a temporary state directory, and workers made of plain requests. */
import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import {
  type Clock,
  EQUAL_SHARES,
  type ManualClock,
  type SharingSettings,
  systemClock,
} from '#base';
import {
  type Cause,
  type JobSpec,
  NO_DEALINGS,
  NO_ISOLATION,
  NO_LIFE,
  NO_MATCHING,
  NO_OFFER,
  usageOf,
} from '#model';
import { openLineProcess, openStarter } from '#sandbox';
import { SqliteStore } from '#store';
import { jobKey } from '#sweep';
import {
  type EndedAttempt,
  type GrantedAttempt,
  PROTOCOL_VERSION,
  parseSyncResponse,
  type SyncRequest,
  type SyncResponse,
} from '#wire';
import type { Job } from '../core.ts';
import { Server } from '../server.ts';
import type { ServerOptions } from '../server-options.ts';

export const SESSION = 'the-session-of-the-test';
export const TOKEN = 'the-admin-token-of-the-test';

export interface Field {
  readonly server: Server;
  readonly store: SqliteStore;
  readonly url: string;
  readonly root: string;
  /** Ends this server without a word, as far as one process can, and starts another on its state. */
  restart(): Promise<Field>;
  job(id: number): Job;
  api(method: string, path: string, body?: unknown): Promise<{ status: number; json: Answer }>;
  submit(spec: Partial<JobSpec>, again?: boolean): Promise<Answer>;
  worker(name: string, slots?: number): FieldWorker;
}

// biome-ignore lint/suspicious/noExplicitAny: answers are looked into, not passed on
type Answer = any;

export interface FieldOptions {
  readonly root?: string;
  readonly clock?: Clock;
  readonly leaseMs?: number;
  readonly stagerPatienceMs?: number;
  readonly diskReserveBytes?: number;
  readonly policyFile?: string;
  readonly policyIntervalMs?: number;
  readonly sharing?: SharingSettings;
  readonly data?: ServerOptions['data'];
}

export async function openField(t: TestContext, options: FieldOptions = {}): Promise<Field> {
  const root = options.root ?? mkdtempSync(join(tmpdir(), 'windrow-server-'));
  mkdirSync(root, { recursive: true });
  const store = new SqliteStore(join(root, 'state', 'windrow.sqlite'));
  const server = await Server.open({
    data: options.data ?? null,
    store,
    stateDirectory: join(root, 'state'),
    session: SESSION,
    adminToken: TOKEN,
    clock: options.clock ?? systemClock,
    version: '0.0.0-test',
    leaseMs: options.leaseMs ?? 60_000,
    pingSeconds: 20,
    sharing: options.sharing ?? EQUAL_SHARES,
    stagerPatienceMs: options.stagerPatienceMs ?? 3_600_000,
    diskReserveBytes: options.diskReserveBytes ?? 0,
    policy: { file: options.policyFile ?? '', intervalMs: options.policyIntervalMs ?? 60_000 },
    userCode: 'run',
    userCodePorts: {
      openLineProcess: ({ onEnd, ...request }) =>
        openLineProcess({
          ...request,
          onEnd: ({ message, stdout, stderr }) =>
            onEnd({ reason: message, stdout: stdout.text, stderr: stderr.text }),
        }),
      openStarter: () => openStarter({ launcherPath: null }),
      environment: { PATH: process.env.PATH ?? '' },
      nonce: () => crypto.randomUUID(),
    },
    validators: 2,
    findClient: async () => {
      throw new Error('there are no executables');
    },
    readOnly: false,
    tls: null,
    faces: [],
    traces: null,
    log: () => undefined,
    onStop: (_mode, error) => {
      if (error) throw error;
    },
  });
  const url = await server.listen('127.0.0.1', 0);
  t.after(async () => {
    await server.close();
    rmSync(root, { recursive: true, force: true });
  });
  const api: Field['api'] = async (method, path, body) => {
    const response = await fetch(url + path, {
      method,
      headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/json' },
      ...(body === undefined ? {} : { body: JSON.stringify(body) }),
    });
    const text = await response.text();
    return { status: response.status, json: text === '' ? null : JSON.parse(text) };
  };
  return {
    server,
    store,
    url,
    root,
    api,
    job: (id) => server.core.jobs.get(id)!,
    restart: async () => {
      await server.close();
      return openField(t, { ...options, root });
    },
    submit: async (spec, again = false) => {
      const whole = specOf(spec);
      const { key, parts } = jobKey(whole);
      const { status, json } = await api('POST', '/v1/jobs', {
        spec: whole,
        key,
        keyParts: parts,
        again,
      });
      if (status !== 201) throw new Error(JSON.stringify(json));
      return json;
    },
    worker: (name, slots = 2) => new FieldWorker(url, name, slots),
  };
}

/** Uploads a file. Returns its digest. */
export async function putBlob(field: Field, path: string): Promise<string> {
  const bytes = readFileSync(path);
  const sha256 = createHash('sha256').update(bytes).digest('hex');
  const response = await fetch(`${field.url}/v1/blobs/${sha256}`, {
    method: 'PUT',
    headers: { authorization: `Bearer ${TOKEN}`, 'content-type': 'application/octet-stream' },
    body: bytes,
  });
  if (!response.ok) throw new Error(await response.text());
  return sha256;
}

export function specOf(overrides: Partial<JobSpec> = {}): JobSpec {
  return {
    name: 'field',
    command: { kind: 'argv', template: ['echo', '$i'] },
    axes: [{ kind: 'range', column: 'i', from: '1', to: '4', step: '1' }],
    inputs: [],
    results: [{ name: 'out', from: { kind: 'stdout' }, required: false }],
    programName: '',
    programs: [],
    references: [],
    environment: {},
    directory: { kind: 'scratch' },
    retries: 0,
    retryByCause: {},
    timeoutMs: 0,
    killGraceMs: 1000,
    idempotent: true,
    isolation: NO_ISOLATION,
    request: { cpus: 1, memoryBytes: 0, diskBytes: 0, processes: 0, gpus: 0, timeMs: 0 },
    validate: null,
    validateTimeoutMs: 10_000,
    collect: { kind: 'concat' },
    order: 'table',
    keep: 'packed',
    output: '',
    logBytes: 1 << 20,
    resultBytes: 1 << 30,
    deleteWorker: false,
    deleteClient: false,
    priority: 0,
    ...NO_MATCHING,
    ...NO_DEALINGS,
    ...NO_LIFE,
    ...overrides,
  };
}

export class FieldWorker {
  readonly url: string;
  readonly name: string;
  readonly slots: number;
  readonly holding = new Set<number>();
  #sequence = 0;

  constructor(url: string, name: string, slots: number) {
    this.url = url;
    this.name = name;
    this.slots = slots;
  }

  /** One sync; granted attempts are held from then on, ended ones no longer. */
  async sync(
    ended: readonly EndedAttempt[] = [],
    overrides: Partial<SyncRequest> = {},
  ): Promise<SyncResponse> {
    for (const { ticket } of ended) this.holding.delete(ticket);
    const request: SyncRequest = {
      dataVersion: '',
      store: null,
      peer: null,
      stager: '',
      data: [],
      protocol: PROTOCOL_VERSION,
      worker: `id-${this.name}`,
      replaces: null,
      name: this.name,
      version: '0.0.0-test',
      platform: 'linux-x64',
      sequence: ++this.#sequence,
      slots: this.slots,
      freeSlots: this.slots - this.holding.size,
      memoryBytes: 0,
      walls: null,
      offer: NO_OFFER,
      diskFreeBytes: 0,
      gpus: 0,
      machine: {
        cpus: 4,
        loadAverage: 0.5,
        memoryFreeBytes: 1 << 30,
        roundTripMs: null,
        unkillable: 0,
      },
      awayMs: 0,
      remainingMs: null,
      atMs: 2000,
      waitMs: 0,
      draining: false,
      holding: [...this.holding],
      ended,
      declined: [],
      knownJobs: [],
      policyVersion: '',
      ...overrides,
    };
    const response = await this.post('/sync', request);
    if (response.status !== 200) throw new Error(await response.text());
    const answer = parseSyncResponse(await response.json(), request.version);
    for (const { ticket } of answer.attempts) this.holding.add(ticket);
    return answer;
  }

  post(path: string, body: unknown): Promise<Response> {
    return fetch(this.url + path, {
      method: 'POST',
      headers: { authorization: `Bearer ${SESSION}`, 'content-type': 'application/json' },
      body: JSON.stringify(body),
    });
  }

  /** Asks until it gets something, then ends everything it got. */
  async workOff(cause: (attempt: GrantedAttempt) => Cause = () => 'ok'): Promise<number> {
    let done = 0;
    for (let answer = await this.sync(); answer.attempts.length > 0; ) {
      done += answer.attempts.length;
      answer = await this.sync(answer.attempts.map((attempt) => ended(attempt, cause(attempt))));
    }
    return done;
  }
}

/** The end of an attempt; its result `out` is the row's first cell, as `echo` prints it. */
export function ended(
  attempt: Pick<GrantedAttempt, 'ticket' | 'cells'>,
  cause: Cause = 'ok',
  overrides: Partial<EndedAttempt> = {},
): EndedAttempt {
  const text = `${attempt.cells[0]}\n`;
  return {
    inputs: [],
    ticket: attempt.ticket,
    cause,
    exitCode: cause === 'ok' ? 0 : cause === 'exit-code' ? 3 : null,
    signal: cause === 'signal' ? 'SIGSEGV' : null,
    reason: cause === 'ok' ? '' : `it ended with ${cause}`,
    startedAtMs: 1000,
    endedAtMs: 1010,
    walls: null,
    usage: usageOf(10, {
      source: 'rusage',
      figures: { cpuUserMs: 5, cpuSystemMs: 1, memoryPeakBytes: 1 << 20 },
    }),
    parts:
      cause === 'ok' ? [{ name: 'out', kind: 'result', file: 'stdout', cutBytes: 0, text }] : [],
    lastErrorLine: cause === 'ok' ? '' : `bad row ${attempt.cells[0]}`,
    remarks: [],
    ruling: null,
    ...overrides,
  };
}

/** Waits for a condition; its failure is the test's time limit. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 5));
}

/**
 * Waits for what happens when a lease is over by this clock. Time in which this process stood still
 * is added to every lease, so the clock goes on while nothing happens.
 */
export async function untilOver(clock: ManualClock, condition: () => boolean): Promise<void> {
  for (let round = 1; !condition(); round++) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    if (round % 200 === 0) clock.advance(1000);
  }
}
