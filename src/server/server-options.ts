/** What a server is given: its parts, its settings, and whom it tells. */
import type { Clock, SharingSettings } from '#base';
import type { Datastore } from '#datastore';
import type { UserCodePorts } from '#results';
import type { Store } from '#store';
import type { TraceShelf } from './api/traces.ts';
import type { FindClient } from './clients.ts';
import type { ServerTls } from './http/assemble.ts';
import type { Face } from './http/faces.ts';

export interface ServerOptions {
  readonly store: Store;
  /** Absolute. */
  readonly stateDirectory: string;
  readonly session: string;
  readonly adminToken: string;
  readonly clock: Clock;
  readonly version: string;
  readonly leaseMs: number;
  readonly pingSeconds: number;
  readonly sharing: SharingSettings;
  /** How long a site waits for a stager that tells of nothing. */
  readonly stagerPatienceMs: number;
  /** Nothing new is handed out while less than this is free where state and outputs lie. */
  readonly diskReserveBytes: number;
  /** The site's policies. */
  readonly policy: {
    /** Absolute; `''`: none. */
    readonly file: string;
    /** How often tasks that wait or are held are looked at. */
    readonly intervalMs: number;
  };
  readonly userCode: 'run' | 'refuse';
  readonly userCodePorts: Omit<UserCodePorts, 'temporaryDirectory'>;
  /** Checks by validators at the same time. */
  readonly validators: number;
  /** Windrow's executables of this version, for workers of older ones. */
  readonly findClient: FindClient;
  /** What is stored is only looked at: nothing is handed out, checked, collected or lost. */
  readonly readOnly: boolean;
  /** Null: plain HTTP. */
  readonly tls: ServerTls | null;
  /** Other protocols on the server's address. */
  readonly faces: readonly Face[];
  /** What brings inputs from elsewhere, and of which schemes; null: nothing does. */
  readonly data: { readonly store: Datastore; readonly schemes: ReadonlySet<string> } | null;
  /** Null: it keeps none. */
  readonly traces: TraceShelf | null;
  readonly log: (level: 'info' | 'warn' | 'error', message: string, facts?: object) => void;
  /** The store is lost for good, or a user asked: the process should end the server. */
  readonly onStop: (mode: 'drain' | 'now', error?: unknown) => void;
}
