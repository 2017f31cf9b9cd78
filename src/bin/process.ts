/** The real world for the command line, and the end of the process. */
import { readFileSync } from 'node:fs';
import { availableParallelism, homedir } from 'node:os';
import { systemClock } from '#base';
import { Output, runCli, type World } from '#cli';
import { composition } from './composition.ts';

const INTERNAL_EXIT = 70;
const INTERRUPTED_EXIT = 3;

function version(): string {
  const text = readFileSync(new URL('../../package.json', import.meta.url), 'utf8');
  return JSON.parse(text).version;
}

function outputOf(name: 'stdout' | 'stderr'): Output {
  const stream = process[name];
  const isTerminal = stream.isTTY === true;
  // https://no-color.org: set and not empty, whatever its value.
  const plain = (process.env.NO_COLOR ?? '') !== '' || process.env.TERM === 'dumb';
  return new Output(stream, {
    name,
    isTerminal,
    color: isTerminal && !plain,
    columns: () => stream.columns || 80,
    rows: () => stream.rows || 24,
  });
}

/**
 * The first Ctrl-C, TERM or HUP asks everything to end; whoever works ends in good order. A second
 * one does not wait for that: all that was acknowledged is durable anyway.
 */
function endingSignal(): AbortSignal {
  const ending = new AbortController();
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      if (ending.signal.aborted) process.exit(INTERRUPTED_EXIT);
      ending.abort();
    });
  }
  return ending.signal;
}

const world: World = {
  surroundings: {
    environment: process.env,
    home: homedir(),
    directory: process.cwd(),
    cpus: availableParallelism(),
  },
  get stdin() {
    return process.stdin;
  },
  stdout: outputOf('stdout'),
  stderr: outputOf('stderr'),
  clock: systemClock,
  version: version(),
  ending: endingSignal(),
};

try {
  process.exitCode = await runCli(process.argv.slice(2), composition, world);
} catch (error) {
  // Only when even telling of an error failed.
  process.exitCode = INTERNAL_EXIT;
  process.stderr.write(`windrow: ${error instanceof Error ? error.message : 'failed'}\n`);
}
