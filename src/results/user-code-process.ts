import { commandOf, messageOf } from '#base';
import type { LineProcess, UserCodePorts } from './port.ts';
import type { HostRequest } from './user-code-protocol.ts';

const HOST = commandOf(new URL('./user-code-host.ts', import.meta.url));
/** Node.js itself takes tens of milliseconds to start; a loaded machine many times that. */
const LOAD_MS = 30_000;

export interface UserCodeRequest {
  readonly mode: 'validate' | 'collect';
  /** Absolute path of the module. */
  readonly module: string;
  /** Limit of one call; the first one has that of loading added. */
  readonly timeoutMs: number;
  readonly memoryBytes: number;
}

export type CallResult =
  | { readonly kind: 'verdict'; readonly verdict: boolean | string }
  | { readonly kind: 'output'; readonly bytes: Buffer }
  /** The module is to blame: it threw, hung, ended its process or answered nonsense. */
  | { readonly kind: 'fault'; readonly reason: string }
  /** The process ended before the module was asked this. */
  | { readonly kind: 'unasked'; readonly reason: string };

/** What a request needs besides its nonce. */
export type Question =
  | Omit<Extract<HostRequest, { call: 'default' }>, 'nonce'>
  | Omit<Extract<HostRequest, { call: 'begin' | 'end' }>, 'nonce'>;

interface Pending {
  readonly nonce: string;
  readonly done: (result: CallResult) => void;
}

/**
 * One process that runs a user's module. Calls are answered in order; every one of them ends, by
 * an answer, by its time limit or by the end of the process.
 */
export class UserCodeProcess {
  readonly #request: UserCodeRequest;
  readonly #nonce: () => string;
  readonly #process: LineProcess;
  readonly #pending: Pending[] = [];
  #timer: NodeJS.Timeout | null = null;
  #ready = false;
  #answered = 0;
  #fault: string | null = null;
  #ended: string | null = null;
  readonly #loaded = Promise.withResolvers<string | null>();

  constructor(request: UserCodeRequest, ports: UserCodePorts) {
    this.#request = request;
    this.#nonce = ports.nonce;
    this.#process = ports.openLineProcess({
      argv: [...HOST, request.mode, request.module],
      directory: ports.temporaryDirectory,
      environment: ports.environment,
      memoryBytes: request.memoryBytes,
      onLine: (line) => this.#onLine(line),
      onEnd: (end) => this.#onEnd(`${end.reason.replace(/\.$/, '')}${lastLine(end.stderr)}`),
    });
  }

  get alive(): boolean {
    return this.#ended === null && this.#fault === null;
  }

  /** Null once the module can be called; else why it cannot. Never rejects. */
  async loaded(): Promise<string | null> {
    const late = () => this.#misbehaved(`it was not loaded within ${LOAD_MS / 1000} s`);
    const timer = setTimeout(late, LOAD_MS);
    const fault = await this.#loaded.promise;
    clearTimeout(timer);
    return fault;
  }

  /** Never rejects. */
  call(question: Question): Promise<CallResult> {
    return new Promise((done) => {
      if (!this.alive) {
        done({ kind: 'unasked', reason: this.#fault ?? this.#ended ?? '' });
        return;
      }
      const nonce = this.#nonce();
      try {
        this.#process.send(JSON.stringify({ nonce, ...question }));
      } catch (error) {
        // Parameters of many megabytes: the process is as good as before.
        done({ kind: 'fault', reason: `it cannot be asked: ${messageOf(error)}` });
        return;
      }
      this.#pending.push({ nonce, done });
      if (this.#pending.length === 1) this.#watch();
    });
  }

  /** Kills the process; calls under way end as faults. */
  async close(): Promise<void> {
    this.#process.kill();
    await this.#process.closed;
  }

  #watch(): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    if (this.#pending.length === 0) return;
    const limitMs = this.#request.timeoutMs + (this.#ready ? 0 : LOAD_MS);
    const reason = `it gave no answer within ${this.#request.timeoutMs / 1000} s`;
    this.#timer = setTimeout(() => this.#misbehaved(reason), limitMs);
  }

  #misbehaved(reason: string): void {
    this.#fault ??= reason;
    this.#process.kill();
  }

  #onLine(line: string): void {
    if (this.#fault !== null) return;
    const answer = parse(line);
    if (!this.#ready && answer?.ready === true) {
      this.#ready = true;
      this.#loaded.resolve(typeof answer.fault === 'string' ? answer.fault : null);
      this.#watch();
      return;
    }
    const head = this.#pending[0];
    const result = answer && head && answer.nonce === head.nonce ? resultOf(answer) : null;
    if (!head || !result) {
      this.#misbehaved('it wrote to descriptor 3, which is not its own');
      return;
    }
    this.#answered++;
    this.#pending.shift();
    this.#watch();
    head.done(result);
  }

  #onEnd(reason: string): void {
    if (this.#timer) clearTimeout(this.#timer);
    this.#timer = null;
    this.#ended = reason;
    const why = this.#fault ?? reason;
    this.#loaded.resolve(why);
    const idle = this.#answered > 0 && this.#fault === null;
    for (const [index, { done }] of this.#pending.splice(0).entries()) {
      // A process that ended by itself after good answers may have ended for what came before.
      const asked = index === 0 && !idle;
      done({ kind: asked ? 'fault' : 'unasked', reason: why });
    }
  }
}

function parse(line: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' ? (value as Record<string, unknown> | null) : null;
  } catch {
    return null;
  }
}

function resultOf(answer: Record<string, unknown>): CallResult | null {
  const { verdict, base64, fault } = answer;
  if (typeof fault === 'string') return { kind: 'fault', reason: fault };
  if (typeof verdict === 'boolean' || typeof verdict === 'string')
    return { kind: 'verdict', verdict };
  if (typeof base64 === 'string') return { kind: 'output', bytes: Buffer.from(base64, 'base64') };
  return null;
}

function lastLine(stderr: string): string {
  const line = stderr.trim().split('\n').at(-1)?.trim() ?? '';
  return line === '' ? '' : `: ${line.slice(0, 300)}`;
}
