import { findSettingsFiles, readSettings, WindrowError, windrowSettings } from '#base';
import { INTERRUPTED_EXIT, RUN_INTERRUPTED_EXIT } from './command.ts';
import { OutputGone } from './output.ts';
import type { Composition } from './port.ts';
import { type ParsedLine, parseLine } from './program.ts';
import { codedError, errorText } from './report-error.ts';
import type { World } from './world.ts';

const DEFAULT_COLUMNS = 80;
const USAGE_EXIT = 2;
const INTERNAL_EXIT = 70;

/**
 * Windrow's command line: reads `argv` (the words after `windrow`), does it, and answers with the
 * exit code. Every error ends here as a message, never as a stack.
 */
export async function runCli(
  argv: readonly string[],
  composition: Composition,
  world: World,
): Promise<number> {
  try {
    const code = await carryOut(parseLine(argv, widthOf(world)), composition, world);
    await flushed(world);
    return code;
  } catch (error) {
    if (error instanceof OutputGone) return 0;
    if (
      world.ending.aborted &&
      error instanceof WindrowError &&
      error.code === 'EXCHANGE_ABORTED'
    ) {
      return argv[0] === 'run' ? RUN_INTERRUPTED_EXIT : INTERRUPTED_EXIT;
    }
    return report(error, argv, world);
  }
}

/** What nobody reads any more changes nothing in what came of the command. */
async function flushed(world: World): Promise<void> {
  await world.stdout.flush().catch((error) => {
    if (!(error instanceof OutputGone)) throw error;
  });
}

async function carryOut(line: ParsedLine, composition: Composition, world: World): Promise<number> {
  if (line.kind === 'text') {
    await world.stdout.write(line.text);
    return 0;
  }
  const { surroundings } = world;
  const files = findSettingsFiles(surroundings);
  const settings = readSettings(windrowSettings, { flags: line.flags, files, surroundings });
  for (const warning of settings.warnings) world.stderr.attempt(`windrow: warning: ${warning}\n`);
  const { args, words, options, axes } = line;
  const action = await line.spec.load();
  // Parsed by the very description that types the action's input.
  const input = { args, words, options, axes, settings, composition } as never;
  return await action(input, world);
}

function report(thrown: unknown, argv: readonly string[], world: World): number {
  const error = codedError(thrown, world.surroundings, world.clock.now());
  const own = argv.includes('--') ? argv.slice(0, argv.indexOf('--')) : argv;
  world.stderr.attempt(errorText(error, own.includes('--json')));
  if (error.code === 'INTERNAL') return INTERNAL_EXIT;
  if (error.code === 'USAGE_WRONG' || error.code === 'SETTINGS_INVALID') return USAGE_EXIT;
  // A run that could not begin was refused; 1 would say that tasks failed.
  return own[0] === 'run' ? USAGE_EXIT : 1;
}

function widthOf(world: World): number {
  return world.stdout.isTerminal ? world.stdout.options.columns() : DEFAULT_COLUMNS;
}
