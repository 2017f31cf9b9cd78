/** What the open protocol needs of the server. Its own worker's `sync` ends in the same calls. */
import type { Ticket } from '#model';
import type { OpenConfig, OpenTask, SpokenFailure, SpooledPart } from '#wire';

export interface OpenDoor {
  /** `platform` is canonical, or null when the client named none. */
  config(platform: string | null): Promise<OpenConfig>;
  /** Renews the ticket's lease, if it is still current. */
  ping(ticket: Ticket): Promise<'go-on' | 'expired'>;
  /** The program's build for a canonical platform. */
  program(name: string, platform: string): Promise<OpenProgram | 'unknown' | 'no-build'>;
  /** The next task, its ticket durable before this resolves. */
  lease(worker: string, address: string): Promise<OpenTask | NoTask>;
  /** The answer that carried this ticket was not delivered: the task goes back at once. */
  undelivered(ticket: Ticket): Promise<void>;
  /**
   * Takes an attempt's results; resolves when they are durable. Files of `parts` may be moved
   * away; what is left of them is removed afterwards.
   */
  complete(ticket: Ticket, parts: readonly SpooledPart[]): Promise<'taken' | 'duplicate'>;
  fail(ticket: Ticket, failure: SpokenFailure): Promise<void>;
}

/** `running`: tasks run elsewhere and one may come back; `finished`: the client should end. */
export type NoTask =
  | { readonly none: 'running'; readonly retryAfterS: number }
  | { readonly none: 'finished' };

export interface OpenProgram {
  readonly bytes: number;
  content(): AsyncIterable<Buffer>;
}
