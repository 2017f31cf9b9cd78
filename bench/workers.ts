/**
 * Many simulated workers on one server: `node bench/workers.ts [workers] [task ms] [seconds]`. Each
 * has one slot, asks, gathers and polls by the rules of the real agent (src/worker/demand.ts) and
 * renews its lease on a connection of its own; only the programs are left out: a task ends after its
 * time. The server is a process of its own and answers a sync when SQLite has synced it to disk.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';
import { Pool } from 'undici';
import { NO_OFFER, usageOf } from '#model';
import { jobKey } from '#sweep';
import {
  type EndedAttempt,
  PROTOCOL_VERSION,
  parseSyncResponse,
  type SyncRequest,
  type SyncResponse,
} from '#wire';
import { specOf } from '../src/server/testing/field.ts';
import {
  type DemandView,
  gatherMs,
  outOfStep,
  pollDelayMs,
  wantedAttempts,
} from '../src/worker/demand.ts';

const [WORKERS = 1000, TASK_MS = 90, SECONDS = 20] = process.argv.slice(2).map(Number);
const ROWS = 5_000_000;
const POLL_MS = 10_000;
/** A quarter of the server's lease of 60 s. */
const RENEW_MS = 15_000;
const SECRET = randomUUID().replaceAll('-', '');
const HEADERS = { authorization: `Bearer ${SECRET}`, 'content-type': 'application/json' };

const told = { done: 0, syncs: 0, failed: 0, disconnects: 0, left: 0 };
const latenciesMs: number[] = [];
let isOver = false;

type Grant = SyncResponse['attempts'][number];

/** A worker of one slot, by the rules of `Conversation` and `SlotPool`. */
class SimulatedWorker {
  readonly #id = randomUUID();
  readonly #name: string;
  readonly #client: Pool;
  readonly #pulse: Pool;
  readonly #queue: Grant[] = [];
  #running: Grant | null = null;
  #startedMs = 0;
  #ended: EndedAttempt[] = [];
  #medianMs: number | undefined;
  #sequence = 0;
  #wake: () => void = () => {};
  #leavePoll: (() => void) | null = null;

  constructor(url: string, number: number) {
    this.#name = `node${number}`;
    const open = (connections: number) => {
      const pool = new Pool(url, { connections, pipelining: 1, keepAliveTimeout: 60_000 });
      pool.on('disconnect', () => {
        if (!isOver) told.disconnects++;
      });
      return pool;
    };
    this.#client = open(2); // a poll that was left, and the sync that overtakes it
    this.#pulse = open(1);
  }

  async connect(): Promise<void> {
    await this.#sync(0);
  }

  async work(): Promise<void> {
    void this.#renew();
    while (!isOver) {
      if (this.#ended.length === 0) await this.#pause(pollDelayMs(this.#view()));
      if (this.#ended.length > 0) await sleep(outOfStep(gatherMs(this.#view()), Math.random));
      await this.#sync(this.#ended.length > 0 ? 0 : POLL_MS);
    }
    await Promise.all([this.#client.destroy(), this.#pulse.destroy()]);
  }

  #view(): DemandView {
    const taken = this.#running ? 1 : 0;
    const youngestMs = this.#running ? performance.now() - this.#startedMs : undefined;
    const queued = this.#queue.length;
    const medianMs = this.#medianMs;
    return { slots: 1, taken, queued, medianMs, youngestMs, untoldMs: 0, closed: false };
  }

  /** Until the time is over or something has ended. */
  #pause(ms: number): Promise<void> {
    if (ms === 0) return Promise.resolve();
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  async #sync(waitMs: number): Promise<void> {
    const ended = this.#ended;
    const body = JSON.stringify(this.#request(ended, waitMs));
    const beganMs = performance.now();
    try {
      const answering = this.#post('/sync', body);
      const json = waitMs > 0 ? await this.#unlessLeft(answering) : await answering;
      if (!json) return void told.left++;
      if (waitMs === 0) latenciesMs.push(performance.now() - beganMs);
      told.syncs++;
      told.done += ended.length;
      this.#ended = this.#ended.slice(ended.length);
      this.#queue.push(...parseSyncResponse(json, 'bench').attempts);
      this.#startNext();
    } catch (error) {
      if (isOver) return;
      told.failed++;
      console.error(String(error));
      await sleep(100);
    } finally {
      this.#leavePoll = null;
    }
  }

  async #post(path: string, body: string): Promise<SyncResponse> {
    const answer = await this.#client.request({ method: 'POST', path, headers: HEADERS, body });
    const json = (await answer.body.json()) as SyncResponse;
    if (answer.statusCode !== 200) throw new Error(JSON.stringify(json));
    return json;
  }

  #unlessLeft(answering: Promise<SyncResponse>): Promise<SyncResponse | undefined> {
    const left = new Promise<undefined>((resolve) => {
      this.#leavePoll = () => resolve(undefined);
    });
    answering.catch(() => {});
    return Promise.race([answering, left]);
  }

  #request(ended: readonly EndedAttempt[], waitMs: number): SyncRequest {
    const held = this.#running ? [this.#running, ...this.#queue] : this.#queue;
    return {
      dataVersion: '',
      store: null,
      peer: null,
      stager: '',
      data: [],
      protocol: PROTOCOL_VERSION,
      worker: this.#id,
      replaces: null,
      name: this.#name,
      version: '0.0.0-bench',
      platform: 'linux-x64',
      sequence: ++this.#sequence,
      slots: 1,
      freeSlots: wantedAttempts(this.#view()),
      memoryBytes: 2 ** 34,
      diskFreeBytes: 2 ** 40,
      machine: {
        cpus: 1,
        loadAverage: 0,
        memoryFreeBytes: 2 ** 33,
        roundTripMs: 0.1,
        unkillable: 0,
      },
      awayMs: 0,
      remainingMs: null,
      atMs: performance.now(),
      waitMs,
      draining: false,
      holding: held.map(({ ticket }) => ticket),
      ended,
      policyVersion: '',
      declined: [],
      knownJobs: [1],
      gpus: 0,
      walls: null,
      offer: NO_OFFER,
    };
  }

  #startNext(): void {
    const next = this.#running ? undefined : this.#queue.shift();
    if (!next) return;
    this.#running = next;
    this.#startedMs = performance.now();
    setTimeout(() => this.#end(next), TASK_MS);
  }

  #end(grant: Grant): void {
    const endedAtMs = performance.now();
    this.#medianMs = endedAtMs - this.#startedMs;
    this.#ended.push(endOf(grant, this.#startedMs, endedAtMs));
    this.#running = null;
    this.#startNext();
    this.#wake();
    if (this.#leavePoll) setTimeout(this.#leavePoll, 2);
  }

  async #renew(): Promise<void> {
    await sleep(Math.random() * RENEW_MS);
    while (!isOver) {
      const body = JSON.stringify({ worker: this.#id });
      try {
        const answer = await this.#pulse.request({
          method: 'POST',
          path: '/renew',
          headers: HEADERS,
          body,
        });
        await answer.body.dump();
        if (answer.statusCode !== 204) told.failed++;
      } catch {
        if (!isOver) told.failed++;
      }
      await sleep(RENEW_MS);
    }
  }
}

function endOf({ ticket, cells }: Grant, startedAtMs: number, endedAtMs: number): EndedAttempt {
  const part = { name: 'out', kind: 'result', file: 'stdout', cutBytes: 0 } as const;
  return {
    inputs: [],
    ticket,
    cause: 'ok',
    exitCode: 0,
    signal: null,
    reason: '',
    startedAtMs,
    endedAtMs,
    walls: null,
    usage: usageOf(endedAtMs - startedAtMs),
    parts: [{ ...part, text: `${cells[0]}\n` }],
    lastErrorLine: '',
    remarks: [],
    ruling: null,
  };
}

async function main(): Promise<void> {
  const root = mkdtempSync(join(tmpdir(), 'windrow-bench-'));
  try {
    mkdirSync(join(root, 'state'));
    const program = join(import.meta.dirname, 'dispatch-server.ts');
    const argv = [...process.execArgv, program, root, SECRET, SECRET];
    const child = spawn(process.execPath, argv, { stdio: ['pipe', 'pipe', 'inherit'] });
    const lines = createInterface({ input: child.stdout! })[Symbol.asyncIterator]();
    const url = (await lines.next()).value as string;
    await measure(url, child);
    child.stdin!.end();
    await once(child, 'exit');
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

async function measure(url: string, server: ChildProcess): Promise<void> {
  const pid = server.pid!;
  const workers = Array.from({ length: WORKERS }, (_, number) => new SimulatedWorker(url, number));
  const bareBytes = residentBytes(pid);
  for (let first = 0; first < WORKERS; first += 50) {
    await Promise.all(workers.slice(first, first + 50).map((worker) => worker.connect()));
  }
  const connectedBytes = residentBytes(pid);
  await submit(url);
  const working = workers.map((worker) => worker.work());
  await sleep(SECONDS * 250);
  const before = { ...told, cpuMs: cpuMs(pid), atMs: performance.now() };
  latenciesMs.length = 0;
  await sleep(SECONDS * 750);
  const seconds = (performance.now() - before.atMs) / 1000;
  const usedMs = cpuMs(pid) - before.cpuMs;
  const done = told.done - before.done;
  const sorted = [...latenciesMs].sort((a, b) => a - b);
  const quantile = (share: number) => (sorted[Math.floor(sorted.length * share)] ?? 0).toFixed(0);
  const lost = await lostWorkers(url);
  isOver = true;
  const figures = [
    [`${WORKERS} workers of 1 slot, tasks of ${TASK_MS} ms`, `${seconds.toFixed(0)} s measured`],
    ['tasks/s', (done / seconds).toFixed(0)],
    ['tasks per second of the server’s CPU', ((done / usedMs) * 1000).toFixed(0)],
    ['of what the slots could do', `${((done * TASK_MS) / seconds / WORKERS / 10).toFixed(0)} %`],
    ['syncs/s', ((told.syncs - before.syncs) / seconds).toFixed(0)],
    ['polls left/s', ((told.left - before.left) / seconds).toFixed(0)],
    ['sync latency, median, p99, most', [0.5, 0.99, 1 - 1e-9].map(quantile).join(', ')],
    ['disconnects, failed requests, lost workers', `${told.disconnects}, ${told.failed}, ${lost}`],
    ['server memory before, with workers', `${mib(bareBytes)}, ${mib(connectedBytes)} MiB`],
    ['server memory while they work', `${mib(residentBytes(pid))} MiB`],
    [
      'server memory for a worker',
      `${((connectedBytes - bareBytes) / WORKERS / 1024).toFixed(0)} KiB`,
    ],
  ];
  for (const [name, value] of figures) console.log(`${name}: ${value}`);
  // Polls under way end with the server.
  await Promise.race([Promise.all(working), sleep(1000)]);
}

async function submit(url: string): Promise<void> {
  const to = String(ROWS);
  const spec = specOf({ axes: [{ kind: 'range', column: 'i', from: '1', to, step: '1' }] });
  const { key, parts } = jobKey(spec);
  const answer = await fetch(`${url}/v1/jobs`, {
    method: 'POST',
    headers: HEADERS,
    body: JSON.stringify({ spec, key, keyParts: parts, again: true }),
  });
  if (answer.status !== 201) throw new Error(await answer.text());
}

async function lostWorkers(url: string): Promise<number> {
  const answer = await fetch(`${url}/v1/workers`, { headers: HEADERS });
  const { workers } = (await answer.json()) as { workers: { state: string }[] };
  return workers.filter(({ state }) => state === 'lost').length;
}

function residentBytes(pid: number): number {
  const text = readFileSync(`/proc/${pid}/statm`, 'latin1');
  return Number(text.split(' ')[1]) * 4096;
}

/** User and system time so far, from /proc (clock ticks of 10 ms). */
function cpuMs(pid: number): number {
  const fields = readFileSync(`/proc/${pid}/stat`, 'latin1').split(') ')[1]!.split(' ');
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

const mib = (bytes: number) => (bytes / 2 ** 20).toFixed(0);

await main();
process.exit(0);
