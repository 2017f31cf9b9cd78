/**
 * A server for the worker's tests: speaks the sync protocol over a real socket, with fencing and
 * give-back as the protocol's comment says, and can be told to misbehave.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { NO_ISOLATION } from '#model';
import {
  type EndedAttempt,
  type JobDescription,
  PROTOCOL_VERSION,
  parseSyncRequest,
  type SyncRequest,
  type SyncResponse,
} from '#wire';

/** A wait that takes longer fails, so that the test can clear up. */
export const LIMIT_MS = 60_000;

export const SESSION = 'session-of-the-field-server-0123456789';

export interface Current {
  readonly job: number;
  readonly task: number;
  readonly worker: string;
  readonly cells: readonly string[];
  readonly number: number;
}

interface Waiting {
  readonly job: number;
  readonly task: number;
  readonly cells: readonly string[];
  readonly number: number;
}

type Cancel = SyncResponse['cancel'][number];

export class FieldServer {
  readonly jobs = new Map<number, JobDescription>();
  readonly waiting: Waiting[] = [];
  readonly current = new Map<number, Current>();
  /** Ends that counted, by ticket. */
  readonly ended = new Map<number, EndedAttempt>();
  /** Ends of tickets that were not current. */
  ignored = 0;
  granted = 0;
  readonly syncs: SyncRequest[] = [];
  readonly renewedAtMs: number[] = [];
  readonly blobs = new Map<string, Buffer>();
  blobRequests = 0;
  readonly parts = new Map<string, Buffer>();
  cancels: Cancel[] = [];
  settings: SyncResponse['settings'] = {
    leaseMs: 20_000,
    slots: null,
    drain: false,
    tellWalls: false,
    tellOffer: false,
    stop: false,
    client: null,
    policy: null,
  };
  /** Called when a sync has been worked off; `close` loses the answer. */
  beforeAnswer: (request: SyncRequest) => 'answer' | 'close' = () => 'answer';
  /** Status for an upload of a part, or 0 to take it. */
  partStatus: (path: string) => number = () => 0;
  /** Status for any request, or 0 to handle it. */
  refuse: (path: string) => number = () => 0;
  /** True for a sync that is answered with 400 before anything of it is taken. */
  refuseSync: (sync: SyncRequest) => boolean = () => false;
  /** Says every cancellation again until its ticket is not held. */
  repeatsCancels = false;
  protocol = PROTOCOL_VERSION;
  session = SESSION;
  /** Grants every current ticket again with each answer. */
  repeatsGrants = false;
  #nextTicket = 1;
  #changed = new Set<() => void>();
  #server: Server | undefined;
  #port = 0;

  get url(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  async listen(): Promise<void> {
    const server = createServer((request, response) => {
      this.#serve(request, response).catch(() => response.destroy());
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    this.#server = server;
    this.#port = (server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    this.#server?.closeAllConnections();
    const closed = this.#server && once(this.#server, 'close');
    this.#server?.close();
    await closed;
    this.#server = undefined;
  }

  addBlob(bytes: Buffer | string): { sha256: string; bytes: number } {
    const content = Buffer.from(bytes);
    const sha256 = createHash('sha256').update(content).digest('hex');
    this.blobs.set(sha256, content);
    return { sha256, bytes: content.length };
  }

  addTasks(job: JobDescription, rows: readonly (readonly string[])[]): void {
    this.jobs.set(job.id, job);
    rows.forEach((cells, task) => void this.waiting.push({ job: job.id, task, cells, number: 1 }));
    this.change();
  }

  /** Lets long polls and `until` look again. */
  change(): void {
    for (const look of [...this.#changed]) look();
  }

  /** Resolves when `condition` holds; looks whenever anything has happened here. */
  async until(condition: () => boolean, limitMs = LIMIT_MS): Promise<void> {
    if (condition()) return;
    let look = () => {};
    let timer: NodeJS.Timeout | undefined;
    try {
      await new Promise<void>((resolve, reject) => {
        look = () => condition() && resolve();
        this.#changed.add(look);
        timer = setTimeout(() => reject(new Error(`never came true: ${condition}`)), limitMs);
      });
    } finally {
      clearTimeout(timer);
      this.#changed.delete(look);
    }
  }

  ends(): EndedAttempt[] {
    return [...this.ended.values()];
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const path = request.url ?? '';
    const refusal = this.refuse(path);
    if (refusal > 0) return this.#problem(request, response, refusal);
    if (request.headers.authorization !== `Bearer ${this.session}`) {
      return this.#problem(request, response, 403);
    }
    if (path === '/sync') return this.#sync(request, response);
    if (path === '/renew') {
      request.resume();
      this.renewedAtMs.push(performance.now());
      response.writeHead(204).end();
      this.change();
      return;
    }
    if (path.startsWith('/blobs/')) {
      this.blobRequests++;
      const blob = this.blobs.get(path.slice('/blobs/'.length));
      if (!blob) return this.#problem(request, response, 404);
      response.writeHead(200, { 'content-length': blob.length }).end(blob);
      return;
    }
    if (path.startsWith('/parts/')) return this.#part(path, request, response);
    this.#problem(request, response, 404);
  }

  #problem(request: IncomingMessage, response: ServerResponse, status: number): void {
    request.resume();
    const code = status === 403 ? 'SESSION_WRONG' : `TEST_${status}`;
    const problem = { title: code, status, code, detail: 'made by the test', todo: '', facts: {} };
    response.writeHead(status, { 'content-type': 'application/problem+json' });
    response.end(JSON.stringify(problem));
    this.change();
  }

  async #part(path: string, request: IncomingMessage, response: ServerResponse): Promise<void> {
    const status = this.partStatus(path);
    if (status > 0) return this.#problem(request, response, status);
    this.parts.set(path, await bodyOf(request));
    response.writeHead(204).end();
    this.change();
  }

  async #sync(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const sync = parseSyncRequest(JSON.parse((await bodyOf(request)).toString()), '1.0.0');
    this.syncs.push(sync);
    if (this.refuseSync(sync)) return this.#problem(request, response, 400);
    for (const end of sync.ended) this.#takeEnd(sync, end);
    this.#reconcile(sync);
    let answer = this.#answer(sync);
    this.change();
    if (isEmpty(answer) && sync.waitMs > 0) {
      await this.#waitForNews(sync, request, response);
      if (response.destroyed) return;
      answer = this.#answer(sync);
    }
    if (this.beforeAnswer(sync) === 'close') {
      request.socket.destroy();
      return;
    }
    response.writeHead(200, { 'content-type': 'application/json' });
    response.end(JSON.stringify(answer));
    this.change();
  }

  #takeEnd(sync: SyncRequest, end: EndedAttempt): void {
    const current = this.current.get(end.ticket);
    if (current?.worker !== sync.worker) {
      this.ignored++;
      return;
    }
    this.current.delete(end.ticket);
    this.ended.set(end.ticket, end);
  }

  /** Grants that the worker does not hold were lost on the way, or given back. */
  #reconcile(sync: SyncRequest): void {
    const held = new Set(sync.holding);
    for (const [ticket, { worker, job, task, cells, number }] of this.current) {
      if (worker !== sync.worker || held.has(ticket)) continue;
      this.current.delete(ticket);
      this.waiting.unshift({ job, task, cells, number: number + 1 });
    }
  }

  #answer(sync: SyncRequest): SyncResponse {
    const grants = this.waiting.splice(0, sync.freeSlots).map((task) => {
      const ticket = this.#nextTicket++;
      this.current.set(ticket, { ...task, worker: sync.worker });
      return { ticket, ...task, past: null, asked: null };
    });
    this.granted += grants.length;
    if (this.repeatsGrants) {
      for (const [ticket, task] of this.current) {
        if (!grants.some((grant) => grant.ticket === ticket))
          grants.push({ ticket, ...task, past: null, asked: null });
      }
    }
    const known = new Set(sync.knownJobs);
    const wanted = new Set(grants.map(({ job }) => job).filter((job) => !known.has(job)));
    const unknown = sync.holding.filter((ticket) => !this.current.has(ticket));
    const cancel: Cancel[] = unknown.map((ticket) => ({ ticket, cause: 'superseded' }));
    const asked = this.cancels.filter(({ ticket }) => sync.holding.includes(ticket));
    if (!this.repeatsCancels) this.cancels = this.cancels.filter((one) => !asked.includes(one));
    return {
      data: null,
      protocol: this.protocol,
      jobs: [...wanted].map((job) => this.jobs.get(job)!),
      attempts: grants,
      cancel: [...cancel, ...asked],
      errands: [],
      settings: this.settings,
    };
  }

  async #waitForNews(sync: SyncRequest, request: IncomingMessage, response: ServerResponse) {
    let timedOut = false;
    const timer = setTimeout(() => {
      timedOut = true;
      this.change();
    }, sync.waitMs);
    const onClose = () => this.change();
    request.socket.once('close', onClose);
    await this.until(
      () => timedOut || response.destroyed || this.#hasNews(sync),
      sync.waitMs + LIMIT_MS,
    );
    request.socket.off('close', onClose);
    clearTimeout(timer);
  }

  #hasNews(sync: SyncRequest): boolean {
    const { drain, stop } = this.settings;
    const asked = this.cancels.some(({ ticket }) => sync.holding.includes(ticket));
    return (this.waiting.length > 0 && sync.freeSlots > 0) || asked || drain || stop;
  }
}

function isEmpty(answer: SyncResponse): boolean {
  const { drain, stop } = answer.settings;
  return answer.attempts.length === 0 && answer.cancel.length === 0 && !drain && !stop;
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

/** A job that needs nothing and brings back its stdout. */
export function jobOf(command: string | string[], changes: Partial<JobDescription> = {}) {
  const job: JobDescription = {
    id: 1,
    name: 'test',
    owner: 'ada',
    columns: ['x'],
    command:
      typeof command === 'string'
        ? { kind: 'shell', template: command }
        : { kind: 'argv', template: command },
    inputs: [],
    results: [{ name: 'out', from: { kind: 'stdout' }, required: false }],
    programName: '',
    programs: [],
    environment: {},
    directory: { kind: 'scratch' },
    timeoutMs: 0,
    killGraceMs: 500,
    isolation: NO_ISOLATION,
    request: { cpus: 1, memoryBytes: 0, diskBytes: 0, processes: 0, gpus: 0, timeMs: 0 },
    logBytes: 1 << 20,
    resultBytes: 1 << 30,
    deleteWorker: false,
    deleteClient: false,
    chirp: { io: false, delayed: false },
    successExitCode: 0,
    ad: '',
    ...changes,
  };
  return job;
}

/** `count` rows of one cell: `0`, `1` … */
export function rowsOf(count: number): string[][] {
  return Array.from({ length: count }, (_, index) => [String(index)]);
}

export function textOf(end: EndedAttempt, name: string): string | undefined {
  const part = end.parts.find((candidate) => candidate.name === name);
  return part && 'text' in part ? part.text : undefined;
}
