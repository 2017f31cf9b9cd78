/** The way to the server: where it is now, which client speaks to it, who waits for it. */
import { workerErrors } from './errors.ts';
import type { Endpoint, ServerLink } from './port.ts';
import { sessionTag } from './session-tag.ts';

export interface ConnectionOptions {
  readonly endpoint: () => Promise<Endpoint>;
  readonly connect: (endpoint: Endpoint) => ServerLink;
}

export class Connection {
  readonly #options: ConnectionOptions;
  #endpoint: Endpoint | undefined;
  #link: ServerLink | undefined;
  /** Set while the server is believed to answer. */
  #isUp = false;
  #waiting: { resolve(link: ServerLink): void; reject(error: unknown): void }[] = [];
  #ended: unknown;
  /** Making one takes longer than a start should. */
  #tagged = { session: '', tag: sessionTag('') };

  constructor(options: ConnectionOptions) {
    this.#options = options;
  }

  get isUp(): boolean {
    return this.#isUp;
  }

  /** By which a worker of this session is told from others. */
  sessionTag(): string {
    const session = this.#endpoint?.session ?? '';
    if (session !== this.#tagged.session) this.#tagged = { session, tag: sessionTag(session) };
    return this.#tagged.tag;
  }

  get endpoint(): Endpoint | undefined {
    return this.#endpoint;
  }

  /**
   * The client for the next sync; asks again where the server is after a failure. Rejects with
   * `WORKER_SERVER_REPLACED` when the session is another: jobs and tickets of that server have the
   * same numbers, and must not be mixed up with those of the last.
   */
  async open(): Promise<ServerLink> {
    if (this.#isUp && this.#link) return this.#link;
    const endpoint = await this.#options.endpoint();
    const known = this.#endpoint;
    if (known && known.session !== endpoint.session) {
      throw workerErrors.create('WORKER_SERVER_REPLACED', { url: endpoint.url });
    }
    if (this.#link && known?.url === endpoint.url) return this.#link;
    const old = this.#link;
    this.#link = this.#options.connect(endpoint);
    this.#endpoint = endpoint;
    await old?.close().catch(() => {}); // what it was sending is sent again by whoever waits
    return this.#link;
  }

  /** A sync was answered: transfers may use the link. */
  noteUp(): void {
    this.#isUp = true;
    const link = this.#link;
    if (link) for (const { resolve } of this.#waiting.splice(0)) resolve(link);
  }

  noteDown(): void {
    this.#isUp = false;
  }

  /** The link once the server answers; rejects when the connection ends for good. */
  up(): Promise<ServerLink> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    if (this.#isUp && this.#link) return Promise.resolve(this.#link);
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  /** Ends everything that waits, with `reason`, and the client itself. */
  async close(reason: unknown): Promise<void> {
    this.#ended ??= reason;
    this.#isUp = false;
    for (const { reject } of this.#waiting.splice(0)) reject(this.#ended);
    await this.#link?.close().catch(() => {});
    this.#link = undefined;
  }
}
