/**
 * The executable of a newer server, which this worker becomes. It is fetched beside the running one
 * under a name that holds its digest, tried, and executed when that costs nothing:
 *
 *   (offered) ──fetched, verified, runs here──▶ ready ──little runs──▶ the agent drains ──▶ executed
 *       └──failed──▶ offered again after a while
 *
 * Over plain HTTP from another machine it is not fetched: nobody knows whose it would be.
 * Nothing is overwritten: whoever started this executable finds it where it was.
 */
import { accessSync, constants, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Clock, executableName, isLoopback, makeDirectories, messageOf } from '#base';
import { type ClientOffer, digestFile } from '#wire';
import { workerErrors } from './errors.ts';
import { lockFetch } from './fetch-lock.ts';
import type { AgentLog, ServerLink } from './port.ts';

/** After a failure; the server's folder or this machine may be repaired meanwhile. */
const AGAIN_AFTER_MS = 600_000;
const EXECUTABLE_MODE = 0o755;

export interface SuccessorOptions {
  /** The running one, absolute. */
  readonly executable: string;
  readonly platform: string;
  /** Absolute; where it goes when it cannot lie beside the running one. */
  readonly spareDirectory: string;
  /** Runs an executable only to learn its version. Rejects with why it cannot be run here. */
  readonly tryVersion: (path: string, signal: AbortSignal) => Promise<string>;
  readonly clock: Clock;
  readonly log: AgentLog;
}

export class Successor {
  readonly #options: SuccessorOptions;
  #path: string | null = null;
  /** Digest of the one that is or was prepared, and when it may be tried again. */
  #under = { sha256: '', againAtMs: 0 };

  constructor(options: SuccessorOptions) {
    this.#options = options;
  }

  /** Where it lies, fetched and tried; null while there is none. */
  get path(): string | null {
    return this.#path;
  }

  /** Whether this offer is new, or has failed long ago. */
  isDue({ sha256 }: ClientOffer): boolean {
    return sha256 !== this.#under.sha256 || this.#options.clock.monotonic() > this.#under.againAtMs;
  }

  /** Fetches and tries it; afterwards `path` tells whether that worked. Never rejects. */
  async prepare(offer: ClientOffer, link: ServerLink, signal: AbortSignal): Promise<void> {
    const { clock, log } = this.#options;
    this.#under = { sha256: offer.sha256, againAtMs: Number.POSITIVE_INFINITY };
    const { version } = offer;
    if (isExposed(link.url)) {
      const { message, todo } = workerErrors.create('WORKER_SUCCESSOR_EXPOSED', {
        url: link.url,
        version,
      });
      this.#path = null;
      log.warn({}, `${message}. ${todo}`);
      return;
    }
    try {
      this.#path = await this.#obtain(offer, link, signal);
      log.info({ version }, 'the server has a newer windrow, which this worker becomes');
    } catch (error) {
      this.#path = null;
      this.#under = { sha256: offer.sha256, againAtMs: clock.monotonic() + AGAIN_AFTER_MS };
      const reason = messageOf(error);
      log.warn({ version, reason }, 'the server has a newer windrow, but it cannot be had');
    }
  }

  async #obtain(offer: ClientOffer, link: ServerLink, signal: AbortSignal): Promise<string> {
    const { platform, tryVersion, clock } = this.#options;
    const target = join(this.#directory(), executableName({ ...offer, platform }));
    const release = await lockFetch(target, clock, signal);
    try {
      if (!(await isThere(target, offer))) {
        const { sha256, bytes: maxBytes } = offer;
        const options = { sha256, maxBytes, mode: EXECUTABLE_MODE, signal };
        await link.fetchClient(platform, offer, target, options);
      }
    } finally {
      release();
    }
    const found = await tryVersion(target, signal);
    if (found === offer.version) return target;
    const facts = { expected: offer.version, found };
    throw workerErrors.create('WORKER_SUCCESSOR_WRONG', facts);
  }

  #directory(): string {
    const { executable, spareDirectory } = this.#options;
    const beside = dirname(executable);
    try {
      accessSync(beside, constants.W_OK);
      return beside;
    } catch {
      makeDirectories(spareDirectory, 0o700);
      return spareDirectory;
    }
  }
}

/** Whoever is on the way could put a program of theirs in its place. */
function isExposed(url: string): boolean {
  const { protocol, hostname } = new URL(url);
  return protocol !== 'https:' && !isLoopback(hostname.replace(/^\[|\]$/g, ''));
}

async function isThere(path: string, { sha256, bytes }: ClientOffer): Promise<boolean> {
  if (statSync(path, { throwIfNoEntry: false })?.size !== bytes) return false;
  return (await digestFile(path)).sha256 === sha256;
}
