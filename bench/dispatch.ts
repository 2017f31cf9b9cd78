/**
 * Dispatch without programs: `node bench/dispatch.ts [rows …]`. Simulated workers answer at once,
 * over HTTP; the server is a process of its own, and every sync is answered only when SQLite has
 * synced it to disk.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { type JobSpec, NO_OFFER, usageOf } from '#model';
import { jobKey } from '#sweep';
import { type EndedAttempt, PROTOCOL_VERSION, ServerClient, type SyncResponse } from '#wire';
import { specOf } from '../src/server/testing/field.ts';

const sizes = process.argv.slice(2).map(Number);
const ROWS = sizes.length > 0 ? sizes : [1000, 10_000, 100_000, 1_000_000];
const WORKERS = 2;
/** Attempts that a worker holds at a time, one sync's worth. */
const BATCH = 500;
/** So many tasks are done, from however many wait. */
const MOST_TASKS = 200_000;
/** Before anything is measured: code that has run is compiled. */
const WARM_UP_TASKS = 50_000;

const SECRET = randomUUID().replaceAll('-', '');

function spec(rows: number): JobSpec {
  const to = String(rows);
  const axes = [{ kind: 'range' as const, column: 'i', from: '1', to, step: '1' }];
  return specOf({ name: `dispatch-${rows}`, axes });
}

interface ServerProcess {
  readonly child: ChildProcess;
  readonly url: string;
  /** Ends it, and resolves with its resident bytes. */
  end(): Promise<number>;
}

async function startServer(root: string): Promise<ServerProcess> {
  mkdirSync(join(root, 'state'));
  const program = join(import.meta.dirname, 'dispatch-server.ts');
  const argv = [...process.execArgv, program, root, SECRET, SECRET];
  const child = spawn(process.execPath, argv, { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
  const line = async (): Promise<string> => (await lines.next()).value ?? '';
  const url = await line();
  const end = async () => {
    child.stdin!.end();
    const residentBytes = Number(await line());
    await once(child, 'exit');
    return residentBytes;
  };
  return { child, url, end };
}

async function submit(url: string, rows: number): Promise<void> {
  const { key, parts } = jobKey(spec(rows));
  const answer = await fetch(`${url}/v1/jobs`, {
    method: 'POST',
    headers: { authorization: `Bearer ${SECRET}`, 'content-type': 'application/json' },
    body: JSON.stringify({ spec: spec(rows), key, keyParts: parts, again: true }),
  });
  if (answer.status !== 201) throw new Error(await answer.text());
}

/** What `/bin/true` with one line of output would have told. */
function endOf({ ticket, cells }: SyncResponse['attempts'][number]): EndedAttempt {
  const nowMs = Date.now();
  const part = { name: 'out', kind: 'result', file: 'stdout', cutBytes: 0 } as const;
  return {
    inputs: [],
    ticket,
    cause: 'ok',
    exitCode: 0,
    signal: null,
    reason: '',
    startedAtMs: nowMs - 1,
    endedAtMs: nowMs,
    walls: null,
    usage: usageOf(0.9, {
      source: 'rusage',
      figures: { cpuUserMs: 0.5, cpuSystemMs: 0.3, memoryPeakBytes: 1 << 20 },
    }),
    parts: [{ ...part, text: `${cells[0]}\n` }],
    lastErrorLine: '',
    remarks: [],
    ruling: null,
  };
}

/** What is done, by however many workers. */
class Work {
  readonly #url: string;
  readonly #rows: number;
  readonly #enough: number;
  #submitted = 0;
  #given = 0;
  #empty = Promise.withResolvers<void>();
  done = 0;

  /** Jobs of `rows` rows, one after the other, until `enough` tasks are given to workers. */
  constructor(url: string, rows: number, enough: number) {
    this.#url = url;
    this.#rows = rows;
    this.#enough = enough;
  }

  get isEnough(): boolean {
    return this.#given >= this.#enough;
  }

  /** The next job comes when nothing waits any more: never do more than `rows`. */
  async feed(): Promise<void> {
    while (!this.isEnough) {
      this.#empty = Promise.withResolvers();
      await submit(this.#url, this.#rows);
      this.#submitted += this.#rows;
      this.count(0, 0);
      await this.#empty.promise;
    }
  }

  count(given: number, done: number): void {
    this.#given += given;
    this.done += done;
    if (this.isEnough || this.#given === this.#submitted) this.#empty.resolve();
  }
}

/** One worker: syncs until enough is done. */
async function serve(url: string, work: Work): Promise<void> {
  const client = new ServerClient({ url, session: SECRET });
  const worker = randomUUID();
  const known = new Set<number>();
  let ended: EndedAttempt[] = [];
  try {
    for (let sequence = 1; ; sequence++) {
      const answer = await client.sync({
        dataVersion: '',
        store: null,
        peer: null,
        stager: '',
        data: [],
        protocol: PROTOCOL_VERSION,
        worker,
        replaces: null,
        name: 'bench',
        version: '0.0.0-bench',
        platform: 'linux-x64',
        sequence,
        slots: BATCH,
        freeSlots: work.isEnough ? 0 : BATCH,
        memoryBytes: 2 ** 34,
        walls: null,
        offer: NO_OFFER,
        diskFreeBytes: 2 ** 40,
        gpus: 0,
        machine: {
          cpus: 1,
          loadAverage: 0,
          memoryFreeBytes: 2 ** 33,
          roundTripMs: null,
          unkillable: 0,
        },
        awayMs: 0,
        remainingMs: null,
        atMs: Date.now(),
        waitMs: work.isEnough ? 0 : 100,
        draining: false,
        holding: [],
        ended,
        declined: [],
        knownJobs: [...known].slice(-100),
        policyVersion: '',
      });
      for (const { id } of answer.jobs) known.add(id);
      work.count(answer.attempts.length, ended.length);
      ended = answer.attempts.map(endOf);
      if (ended.length === 0 && work.isEnough) return;
    }
  } finally {
    await client.close();
  }
}

/** Workers end about `enough` tasks of jobs with `rows` rows. Resolves with tasks and milliseconds. */
async function workOff(url: string, rows: number, enough: number) {
  const startedMs = performance.now();
  const work = new Work(url, rows, enough);
  const workers = Array.from({ length: WORKERS }, () => serve(url, work));
  await Promise.all([work.feed(), ...workers]);
  return { done: work.done, wallMs: performance.now() - startedMs };
}

async function measure(rows: number): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), 'windrow-bench-'));
  try {
    const server = await startServer(root);
    await workOff(server.url, WARM_UP_TASKS, WARM_UP_TASKS);
    const before = readCpuMs(server.child.pid!);
    const { done, wallMs } = await workOff(server.url, rows, MOST_TASKS);
    const usedMs = readCpuMs(server.child.pid!) - before;
    const residentBytes = await server.end();
    const rate = (done / wallMs) * 1000;
    const facts = [
      `${String(rows).padStart(9)} rows`,
      `${rate.toFixed(0).padStart(8)} tasks/s`,
      `${((done / usedMs) * 1000).toFixed(0).padStart(8)} tasks per second of the server's CPU`,
      `${(residentBytes / 2 ** 20).toFixed(0)} MiB`,
    ];
    console.log(facts.join('  '));
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

/** User and system time so far, from /proc (clock ticks of 10 ms). */
function readCpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

for (const rows of ROWS) await measure(rows);
