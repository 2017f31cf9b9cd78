/** What the worker does for its server besides attempts: begun once, reported until it is heard. */
import { messageOf, pause, WindrowError } from '#base';
import type { Errand, ErrandReport } from '#wire';
import type { AgentLog, ServerLink } from './port.ts';

export type ErrandEnd = Omit<ErrandReport, 'worker' | 'state'>;

/** Does an errand for the server at `url`. Rejects with what kept it from being done. */
export type RunErrand = (
  errand: Errand,
  url: string,
  onProgress: (soFar: ErrandEnd) => void,
  signal: AbortSignal,
) => Promise<ErrandEnd>;

export interface ErrandsOptions {
  readonly worker: string;
  readonly run: RunErrand;
  readonly link: () => Promise<ServerLink>;
  readonly serverUrl: () => string;
  readonly lifetime: AbortSignal;
  readonly log: AgentLog;
}

const NOTHING: ErrandEnd = {
  ...{ stored: 0, failed: 0, bytes: 0, foundBytes: 0, doneBytes: 0, message: '' },
};
const RETRY_MS = 2000;
/** How far it is is told this often at most. */
const PROGRESS_MS = 1000;
const MESSAGE_CHARACTERS = 2000;

export class Errands {
  readonly #options: ErrandsOptions;
  /** The server repeats them until it has heard of them. */
  readonly #known = new Set<number>();
  readonly #under = new Set<Promise<void>>();

  constructor(options: ErrandsOptions) {
    this.#options = options;
  }

  take(errands: readonly Errand[]): void {
    for (const errand of errands) {
      if (this.#known.has(errand.id)) continue;
      this.#known.add(errand.id);
      const under = this.#do(errand).finally(() => this.#under.delete(under));
      this.#under.add(under);
    }
  }

  /** Resolves when nothing is under way; to be called after the end of the lifetime. */
  async close(): Promise<void> {
    await Promise.all(this.#under);
  }

  async #do(errand: Errand): Promise<void> {
    const { run, serverUrl, lifetime, log } = this.#options;
    await this.#report(errand, { state: 'running', ...NOTHING });
    let soFar = NOTHING;
    const telling = setInterval(() => void this.#tell(errand, soFar), PROGRESS_MS);
    const onProgress = (progress: ErrandEnd): void => {
      soFar = progress;
    };
    try {
      const end = await run(errand, serverUrl(), onProgress, lifetime);
      const message = end.message.slice(0, MESSAGE_CHARACTERS);
      await this.#report(errand, { state: 'done', ...end, message });
    } catch (error) {
      const message = messageOf(error).slice(0, MESSAGE_CHARACTERS);
      log.warn({ errand: errand.id, reason: message }, 'an errand failed');
      await this.#report(errand, { state: 'failed', ...soFar, message });
    } finally {
      clearInterval(telling);
    }
  }

  /** Nothing depends on it: the next one tells more. */
  async #tell(errand: Errand, soFar: ErrandEnd): Promise<void> {
    if (soFar === NOTHING) return;
    const { worker, link } = this.#options;
    const report = { worker, state: 'running', ...soFar };
    await link()
      .then((server) => server.postJson(`/errands/${errand.id}`, report))
      .catch(() => {});
  }

  async #report(errand: Errand, report: Omit<ErrandReport, 'worker'>): Promise<void> {
    const { worker, link, lifetime } = this.#options;
    while (!lifetime.aborted) {
      try {
        await (await link()).postJson(`/errands/${errand.id}`, { worker, ...report });
        return;
      } catch (error) {
        // The server is away: it may want to know when it is back. One that refuses does not.
        if (error instanceof WindrowError && error.status >= 400 && error.status < 500) return;
        await pause(RETRY_MS, lifetime);
      }
    }
  }
}
