/** Trying walls out: a program that does nothing is started behind them, as any other would be. */
import type { Starter } from '../port.ts';
import type { LaunchWalls } from '../walls/launch.ts';

const TRIAL_MS = 10_000;
const LONGEST_FAULT = 300;

/** `''` when the program, a shell that `does` something, ran; else why not, in one line. */
export async function tryWalls(
  starter: Starter,
  walls: Partial<LaunchWalls>,
  does = ':',
): Promise<string> {
  const words: Buffer[] = [];
  const program = starter.start({
    file: '/bin/sh',
    argv: ['sh', '-c', does],
    environment: { PATH: '/usr/bin:/bin' },
    directory: '/',
    stdin: null,
    timeoutMs: TRIAL_MS,
    killGraceMs: 0,
    walls: { prefix: [], cgroups: [], namespaces: [], files: [], guarded: false, ...walls },
    onOutput: (_, bytes) => void words.push(bytes),
  });
  const end = await program.ended;
  if (!('failed' in end) && end.exitCode === 0) return '';
  const said = Buffer.concat(words).toString().trim().split('\n').at(-1)?.slice(0, LONGEST_FAULT);
  if (said) return said;
  if ('failed' in end) return end.message;
  return end.timedOut ? 'it hung' : `it ended with ${end.signal ?? `exit code ${end.exitCode}`}`;
}
