/** The command line in a world of the test's own: what it writes is collected, nothing else is real. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PassThrough, Writable } from 'node:stream';
import { baseErrors, ManualClock } from '#base';
import { type Composition, cliErrors, Output, runCli, type World } from '#cli';

export interface Said {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliWorld {
  readonly directory: string;
  readonly clock: ManualClock;
  readonly world: World;
  /** What was asked of the composition, in order. */
  readonly asked: { part: string; options: unknown }[];
  /** The user's Ctrl-C. */
  interrupt(): void;
  windrow(...argv: string[]): Promise<Said>;
  /** What was written since the last command began. */
  said(): { stdout: string; stderr: string };
  close(): void;
}

export interface CliWorldOptions {
  readonly environment?: Record<string, string>;
  readonly terminal?: boolean;
  readonly columns?: number;
  readonly composition?: Partial<Composition>;
}

export function openCliWorld(options: CliWorldOptions = {}): CliWorld {
  const directory = mkdtempSync(join(tmpdir(), 'windrow-cli-'));
  const clock = new ManualClock();
  const ending = new AbortController();
  const asked: CliWorld['asked'] = [];
  const pieces: Record<'stdout' | 'stderr', Buffer[]> = { stdout: [], stderr: [] };
  const output = (name: 'stdout' | 'stderr') => collecting(name, pieces[name], options);
  const ask = (part: string) => async (given: unknown) => {
    asked.push({ part, options: given });
    return 0;
  };
  const composition: Composition = {
    run: ask('run'),
    planFile: async () => {
      throw new Error('no file was to be planned');
    },
    serve: ask('serve'),
    worker: ask('worker'),
    serveTraps: ask('serveTraps'),
    machines: async () => {
      throw new Error('no machine was to be talked to');
    },
    sandbox: async () => {
      throw new Error('no walls were to be put up');
    },
    openData: async () => {
      throw new Error('no datastore was to be opened');
    },
    certificates: async () => {
      throw new Error('no certificate was to be made');
    },
    traceIdFor: async (wished) => wished ?? '1795276800.000000001',
    collectTraces: async () => {
      throw new Error('no traces were to be collected');
    },
    watchProcesses: async () => {
      throw new Error('no processes were to be watched');
    },
    openState: async () => {
      throw new Error('no state was to be opened');
    },
    errorTables: async () => [
      { room: 'base', entries: baseErrors.entries },
      { room: 'cli', entries: cliErrors.entries },
    ],
    ...options.composition,
  };
  const world: World = {
    surroundings: {
      environment: { XDG_STATE_HOME: join(directory, 'state'), ...options.environment },
      home: directory,
      directory,
      cpus: 4,
    },
    stdin: new PassThrough(),
    stdout: output('stdout'),
    stderr: output('stderr'),
    clock,
    version: '1.2.3',
    ending: ending.signal,
  };
  const said = () => ({
    stdout: Buffer.concat(pieces.stdout).toString(),
    stderr: Buffer.concat(pieces.stderr).toString(),
  });
  return {
    directory,
    clock,
    world,
    asked,
    said,
    interrupt: () => ending.abort(),
    async windrow(...argv) {
      pieces.stdout.length = 0;
      pieces.stderr.length = 0;
      const code = await runCli(argv, composition, world);
      return { code, ...said() };
    },
    close: () => rmSync(directory, { recursive: true, force: true }),
  };
}

function collecting(name: string, pieces: Buffer[], options: CliWorldOptions): Output {
  const stream = new Writable({
    write(chunk, _encoding, done) {
      pieces.push(Buffer.from(chunk));
      done();
    },
  });
  const columns = options.columns ?? 200;
  const isTerminal = options.terminal === true;
  return new Output(stream, {
    name,
    isTerminal,
    color: false,
    columns: () => columns,
    rows: () => 50,
  });
}
