/** The open protocol's way to the same calls that `sync` ends in. Each client is a worker of one attempt. */
import { canonicalPlatform, messageOf } from '#base';
import {
  type Cause,
  columnsGiven,
  type Input,
  NO_OFFER,
  type RecordPlace,
  type ResultSource,
  stagedFiles,
  type Ticket,
  templateOf,
  usageOf,
} from '#model';
import type { InlinePart, SpooledPart as StoredSpool } from '#results';
import { type CompiledCommand, type CompiledText, compileCommand, compileText } from '#sweep';
import {
  type OpenConfig,
  type OpenInput,
  type OpenTask,
  type SpokenFailure,
  type SpooledPart,
  spokenTask,
} from '#wire';
import type { Core, Job, Lease, Worker } from './core.ts';
import { dispatch, stoppedReason } from './dispatch.ts';
import type { Blobs } from './intake/blobs.ts';
import type { NoTask, OpenDoor, OpenProgram } from './open/port.ts';
import { isOpenClient, openClientId, openLeaseMs } from './open-lease.ts';
import { onAttemptEnded } from './reactor/attempts.ts';
import { onUnused } from './reactor/leases.ts';
import { onLeaseLost, readopt } from './reactor/lost.ts';
import { onWorkerHeard, touchWorker } from './reactor/workers.ts';

const RETRY_AFTER_S = 5;
/** A job that is expected is only being read. */
const EARLY_S = 1;
/** A client that waits asks every RETRY_AFTER_S; one that was silent for longer has gone. */
const SILENT_MS = 2 * RETRY_AFTER_S * 1000;

interface Compiled {
  readonly command: CompiledCommand;
  readonly templates: ReadonlyMap<string, CompiledText>;
}

export class ServerOpenDoor implements OpenDoor {
  readonly #core: Core;
  readonly #blobs: Blobs;
  readonly #compiled = new WeakMap<Job, Compiled>();
  #clients = 0;
  /** When those who had a task and were not told of the end were last heard, by name and address. */
  readonly #untold = new Map<string, number>();
  #allTold: (() => void) | null = null;
  #expectsJob = false;

  constructor(core: Core, blobs: Blobs) {
    this.#core = core;
    this.#blobs = blobs;
  }

  async config(platform: string | null): Promise<OpenConfig> {
    const job = this.#job();
    const build = job && platform ? buildFor(job, platform) : undefined;
    return {
      deleteWorker: job?.spec.deleteWorker ?? false,
      deleteClient: job?.spec.deleteClient ?? false,
      pingS: this.#core.settings.pingSeconds,
      worker: job && build ? { name: job.spec.programName, md5: build.md5 } : null,
    };
  }

  /** The job a new client would work for: the first that is not over, else the last. */
  #job(): Job | undefined {
    const id = this.#core.active.values().next().value ?? [...this.#core.jobs.keys()].at(-1);
    return id === undefined ? undefined : this.#core.jobs.get(id);
  }

  async ping(ticket: Ticket): Promise<'go-on' | 'expired'> {
    const lease = this.#core.leases.get(ticket);
    const worker = lease && this.#core.workers.get(lease.worker);
    if (!worker || worker.cancels.has(ticket)) return 'expired';
    touchWorker(this.#core, worker);
    return 'go-on';
  }

  async program(name: string, platform: string): Promise<OpenProgram | 'unknown' | 'no-build'> {
    const named = [...this.#core.jobs.values()].filter((job) => job.spec.programName === name);
    if (name === '' || named.length === 0) return 'unknown';
    const build = named.map((job) => buildFor(job, platform)).findLast((found) => found);
    if (!build) return 'no-build';
    return { bytes: build.bytes, content: () => this.#blobs.read(build.sha256) };
  }

  async lease(name: string, address: string): Promise<OpenTask | NoTask> {
    const core = this.#core;
    const id = openClientId(core.nextTicket, ++this.#clients);
    const worker = this.#client(id, name || address, address);
    const client = `${address} ${worker.name}`;
    const [attempt] = dispatch(core, [{ worker, asksFor: 1 }]).get(id) ?? [];
    if (!attempt) {
      core.workers.delete(id);
      const none = this.#none();
      if (none.none === 'finished') this.#told(client);
      else if (this.#untold.has(client)) this.#untold.set(client, core.clock.monotonic());
      return none;
    }
    this.#untold.set(client, core.clock.monotonic());
    const job = core.jobs.get(attempt.job)!;
    worker.leaseMs = openLeaseMs(core.settings, job.spec);
    try {
      const task = await this.#speak(job, attempt.ticket, attempt.task, attempt.cells);
      await core.commit.durable();
      return task;
    } catch (error) {
      // Given back it would come again and again; this way its budget ends it, with the reason.
      await this.fail(attempt.ticket, {
        cause: 'stage-in',
        exitCode: null,
        signal: null,
        reason: `the open protocol cannot carry it: ${messageOf(error)}`,
      });
      throw error;
    }
  }

  #client(id: string, name: string, address: string): Worker {
    return onWorkerHeard(this.#core, {
      id,
      name,
      platform: '',
      version: '',
      address,
      kind: 'open',
      slots: 1,
      memoryBytes: 0,
      diskFreeBytes: 0,
      walls: null,
      offer: NO_OFFER,
      gpus: 0,
      machine: null,
      remainingMs: null,
      draining: false,
      awayMs: 0,
      leaseMs: this.#core.settings.leaseMs,
    });
  }

  /** The ticket's lease, also when its client was taken for lost and its result is still wanted. */
  #leaseOf(ticket: Ticket): Lease | null {
    const core = this.#core;
    const lease = core.leases.get(ticket);
    if (lease) return lease;
    const lost = core.lost.get(ticket);
    if (!lost || (lost.worker !== '' && !isOpenClient(lost.worker))) return null;
    const id = lost.worker || openClientId(core.nextTicket, ++this.#clients);
    const client = this.#client(id, lost.workerName, '');
    const again = readopt(core, client, ticket);
    if (!again) core.workers.delete(client.id);
    return again;
  }

  /** Whether a job is about to come: a client that is early must wait for it, and not end. */
  expectJob(expected: boolean): void {
    this.#expectsJob = expected;
  }

  #none(): NoTask {
    const { active, jobs } = this.#core;
    if (active.size > 0) this.#expectsJob = false;
    if (this.#expectsJob || jobs.size === 0) return { none: 'running', retryAfterS: EARLY_S };
    const open = [...this.#core.active].some((id) => this.#core.jobs.get(id)!.tasks.open > 0);
    if (open || stoppedReason(this.#core) !== null)
      return { none: 'running', retryAfterS: RETRY_AFTER_S };
    return { none: 'finished' };
  }

  async #speak(
    job: Job,
    ticket: Ticket,
    task: number,
    cells: readonly string[],
  ): Promise<OpenTask> {
    const { command, templates } = await this.#compile(job);
    const inputs: OpenInput[] = [];
    for (const { name, from } of job.spec.inputs) {
      const blob = from.kind === 'url' ? from.version : from.kind === 'file' ? from : null;
      if (blob) {
        const content = (): AsyncIterable<Buffer> => this.#blobs.read(blob.blob);
        inputs.push({ file: name, bytes: blob.bytes, content });
        continue;
      }
      if (from.kind === 'files') {
        for (const file of stagedFiles(from, job.columns, cells)) {
          const content = (): AsyncIterable<Buffer> => this.#blobs.read(file.blob);
          inputs.push({ file: file.name, bytes: file.bytes, content });
        }
        continue;
      }
      const text = textOf(from, job, { templates, cells, task });
      const content = Buffer.from(text);
      inputs.push({ file: name, bytes: content.length, content });
    }
    return spokenTask({
      ticket,
      timeoutMs: job.spec.timeoutMs,
      command: { kind: 'shell', text: command.commandLine(cells, task) },
      inputs,
      results: job.spec.results.map(({ name, from }) => ({
        name,
        file: this.#source(job, from, cells, task),
      })),
    });
  }

  #source(job: Job, from: ResultSource['from'], cells: readonly string[], task: number): string {
    if (from.kind === 'stdout' || from.kind === 'stderr') return from.kind;
    const template = templateOf(from);
    if (template === null) return '*';
    const path = compileText(template, job.columns, undefined, job.id).expand(cells, task);
    // A file of that very name, not what the program prints.
    return path === 'stdout' || path === 'stderr' ? `./${path}` : path;
  }

  async #compile(job: Job): Promise<Compiled> {
    const known = this.#compiled.get(job);
    if (known) return known;
    const texts = await this.#blobs.templates(job.spec);
    const templates = new Map(
      [...texts].map(([blob, text]) => [blob, compileText(text, job.columns, undefined, job.id)]),
    );
    const compiled = {
      command: compileCommand(
        job.spec.command,
        columnsGiven(job.spec, job.columns),
        undefined,
        job.id,
      ),
      templates,
    };
    this.#compiled.set(job, compiled);
    return compiled;
  }

  async undelivered(ticket: Ticket): Promise<void> {
    const lease = this.#core.leases.get(ticket);
    if (!lease) return;
    onUnused(this.#core, lease);
    this.#leave(lease);
    await this.#core.commit.durable();
  }

  async complete(ticket: Ticket, parts: readonly SpooledPart[]): Promise<'taken' | 'duplicate'> {
    const lease = this.#leaseOf(ticket);
    if (!lease) return 'duplicate';
    const job = this.#core.jobs.get(lease.job)!;
    const missing = missingResult(job, parts);
    const place = await job.results.appendLarge({
      ticket,
      job: job.id,
      task: lease.task,
      parts: parts.map(partOf),
    });
    // While it was copied, another attempt may have been first or the lease may have ended.
    if (this.#core.leases.get(ticket) !== lease) return 'duplicate';
    this.#end(lease, missing === null ? 'ok' : 'missing-result', { reason: missing ?? '', place });
    await this.#core.commit.durable();
    return 'taken';
  }

  async fail(ticket: Ticket, failure: SpokenFailure): Promise<void> {
    const lease = this.#core.leases.get(ticket);
    if (!lease) return;
    if (failure.cause === 'cancelled') onLeaseLost(this.#core, lease, 'cancelled', failure.reason);
    else this.#end(lease, failure.cause, { ...failure, place: null });
    this.#leave(lease);
    await this.#core.commit.durable();
  }

  #end(
    lease: Lease,
    cause: Cause,
    rest: {
      reason: string;
      place: RecordPlace | null;
      exitCode?: number | null;
      signal?: string | null;
    },
  ): void {
    const now = this.#core.clock.now();
    const end = {
      ticket: lease.ticket,
      cause,
      exitCode: rest.exitCode ?? (cause === 'ok' ? 0 : null),
      signal: rest.signal ?? null,
      reason: rest.reason,
      startedAtMs: lease.grantedAtMs,
      endedAtMs: now,
      walls: null,
      inputs: [],
      usage: usageOf(Math.max(0, now - lease.grantedAtMs)),
    };
    // A reason that only repeats the cause is no message of the program.
    const said = rest.reason.startsWith(cause) ? '' : rest.reason;
    onAttemptEnded(this.#core, lease, end, rest.place, said);
    this.#leave(lease);
  }

  /**
   * Resolves when every client that is there and had a task was told that the job is finished; at
   * the latest when such a client should have asked, or when `signal` is aborted.
   */
  async everyoneTold(signal: AbortSignal): Promise<void> {
    const now = this.#core.clock.monotonic();
    for (const [client, heardMs] of this.#untold) {
      if (now - heardMs > SILENT_MS) this.#untold.delete(client);
    }
    if (this.#untold.size === 0 || signal.aborted) return;
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(latest);
        signal.removeEventListener('abort', done);
        this.#allTold = null;
        resolve();
      };
      const latest = setTimeout(done, SILENT_MS);
      signal.addEventListener('abort', done);
      this.#allTold = done;
    });
  }

  #told(client: string): void {
    this.#untold.delete(client);
    if (this.#untold.size === 0) this.#allTold?.();
  }

  /** The client of an attempt is a worker only as long as the attempt runs. */
  #leave(lease: Lease): void {
    const worker = this.#core.workers.get(lease.worker);
    if (worker?.kind !== 'open') return;
    this.#untold.set(`${worker.address} ${worker.name}`, this.#core.clock.monotonic());
    this.#core.workers.delete(worker.id);
  }
}

function buildFor(job: Job, platform: string): Job['spec']['programs'][number] | undefined {
  const wanted = canonicalPlatform(platform);
  return job.spec.programs.find((build) => build.platform === wanted || build.platform === 'any');
}

/** The sentence for the first required result that did not come, or null. */
function missingResult(job: Job, parts: readonly SpooledPart[]): string | null {
  for (const { name, required } of job.spec.results) {
    if (!required) continue;
    const given = parts.filter((part) => part.name === name);
    if (given.length === 0) return `the result ${name} did not come`;
    if (given.every((part) => part.bytes === 0)) return `the result ${name} is empty`;
  }
  return null;
}

function partOf(part: SpooledPart): InlinePart | StoredSpool {
  const { name, file, bytes, sha256, content } = part;
  const head = { name, kind: 'result' as const, file, cutBytes: 0 };
  if (content.kind === 'memory') return { ...head, content: content.bytes };
  return { ...head, spool: { path: content.path, bytes, sha256 } };
}

/** Of an input that is made from the row; the others have bytes of their own. */
function textOf(
  from: Input['from'],
  job: Job,
  row: {
    readonly templates: ReadonlyMap<string, CompiledText>;
    readonly cells: readonly string[];
    readonly task: number;
  },
): string {
  if (from.kind === 'parameter') return row.cells[job.columns.indexOf(from.column)]!;
  if (from.kind === 'template') return row.templates.get(from.blob)!.expand(row.cells, row.task);
  throw new Error('an input is brought by a plugin, which only workers of Windrow run');
}
