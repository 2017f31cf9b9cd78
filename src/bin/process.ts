/** The real world for the command line, and the end of the process. */
import { availableParallelism, homedir } from 'node:os';
import { systemClock } from '#base';
import { Output, runCli, type World } from '#cli';
import { compositionFor } from './composition.ts';
import { VERSION } from './version.ts';

const INTERNAL_EXIT = 70;
const INTERRUPTED_EXIT = 3;

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

/** So many signals, and nobody has ended: then nobody will. */
const PATIENCE = 4;

/**
 * The first Ctrl-C, TERM or HUP asks everything to end; whoever works ends in good order, and may
 * take a second one as a wish to be quick. All that was acknowledged is durable anyway.
 */
function endingSignal(): AbortSignal {
  const ending = new AbortController();
  let signals = 0;
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(name, () => {
      signals++;
      if (signals >= PATIENCE) process.exit(INTERRUPTED_EXIT);
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
  version: VERSION,
  ending: endingSignal(),
};

async function main(): Promise<void> {
  try {
    process.exitCode = await runCli(process.argv.slice(2), compositionFor(world), world);
  } catch (error) {
    // Only when even telling of an error failed.
    process.exitCode = INTERNAL_EXIT;
    process.stderr.write(`windrow: ${error instanceof Error ? error.message : 'failed'}\n`);
  }
}

/** Taking the engine apart in order takes longer than many a command; the system does it at once. */
async function end(): Promise<void> {
  await Promise.allSettled([world.stdout.flush(), world.stderr.flush()]);
  process.exit();
}

void main().then(end);
