/** The site's policy file: read at the start, and again whenever it has changed. */
import { createHash } from 'node:crypto';
import { WatchedFile } from '#base';
import { printSitePolicy, readPolicyFile } from '#policy';
import type { SiteRules } from '../core.ts';

interface ReadRules {
  readonly rules: SiteRules;
  readonly warnings: readonly string[];
}

/** @throws WindrowError POLICY_FILE_UNREADABLE, POLICY_FILE_WRONG */
export function readSiteRules(file: string): ReadRules {
  const { policy, warnings } = readPolicyFile(file);
  const text = printSitePolicy(policy);
  const version = createHash('sha256').update(text).digest('hex').slice(0, 16);
  return { rules: { policy, text, version: text === '' ? '' : version }, warnings };
}

export interface PolicyFileNews {
  onRules(rules: SiteRules, warnings: readonly string[]): void;
  /** The rules before stay in force. */
  onFault(error: unknown): void;
}

/** Looks whether the file has changed; a half-written one is a fault, and read again later. */
export class PolicyFileWatch {
  readonly #file: string;
  readonly #news: PolicyFileNews;
  readonly #watched: WatchedFile;

  constructor(file: string, news: PolicyFileNews) {
    this.#file = file;
    this.#news = news;
    this.#watched = new WatchedFile(file);
  }

  look(): void {
    if (!this.#watched.hasChanged()) return;
    try {
      const { rules, warnings } = readSiteRules(this.#file);
      this.#news.onRules(rules, warnings);
    } catch (error) {
      this.#news.onFault(error);
    }
  }
}
