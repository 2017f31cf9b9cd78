/**
 * What this room needs of processes. Shaped like the sandbox's own, so that the composition hands
 * those in as they are; tests may use plain children.
 */

export interface LineProcessEnd {
  /** Why it ended, as a sentence fragment, e.g. `it exited with status 1`. */
  readonly reason: string;
  /** Head and tail of what it printed. */
  readonly stdout: string;
  readonly stderr: string;
}

export interface LineProcessRequest {
  readonly argv: readonly string[];
  readonly directory: string;
  /** The whole environment; nothing is inherited. */
  readonly environment: Readonly<Record<string, string>>;
  /** The process with its children is killed above this; 0: no limit. */
  readonly memoryBytes: number;
  /** A line it wrote to descriptor 3, without the newline. */
  onLine(line: string): void;
  /** Once, when it is gone, whatever ended it. */
  onEnd(end: LineProcessEnd): void;
}

/** A long-lived child that reads lines on stdin and answers with lines on descriptor 3. */
export interface LineProcess {
  send(line: string): void;
  /** Kills it with all its children; safe at any time, repeatable. */
  kill(): void;
  /** Resolves when it is gone and `onEnd` was called. */
  readonly closed: Promise<unknown>;
}

export type OpenLineProcess = (request: LineProcessRequest) => LineProcess;

export interface ProgramRequest {
  readonly file: string;
  readonly argv: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  readonly directory: string;
  readonly stdin: string | null;
  readonly timeoutMs: number;
  readonly killGraceMs: number;
  onOutput(stream: 'stdout' | 'stderr', bytes: Buffer): void;
}

export type ProgramOutcome =
  | {
      readonly exitCode: number | null;
      readonly signal: string | null;
      readonly timedOut: boolean;
      readonly killed: boolean;
    }
  | { readonly failed: 'launch'; readonly code: string; readonly message: string };

/** Starts one program at a time. */
export interface ProgramStarter {
  start(request: ProgramRequest): {
    readonly ended: Promise<ProgramOutcome>;
    kill(graceMs: number): void;
  };
  close(): Promise<void>;
}

/** Everything that running code of the user's takes. */
export interface UserCodePorts {
  readonly openLineProcess: OpenLineProcess;
  readonly openStarter: () => ProgramStarter;
  /** Environment of the user's code; no secret of the server belongs here. */
  readonly environment: Readonly<Record<string, string>>;
  /** Existing private directory for the results that are handed over as files. */
  readonly temporaryDirectory: string;
  /** Unguessable text of 16 characters or more, another one each time. */
  readonly nonce: () => string;
}
