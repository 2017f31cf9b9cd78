/**
 * What was wrong when ssh failed. OpenSSH tells it only by its exit code, 255, and by sentences on
 * its standard error, which are English in every locale; this is the one place that knows them.
 * They were taken from what OpenSSH 9.2 says, and stand alike in the sources since 7.
 */
import type { WindrowError } from '#base';
import { pilotErrors } from '../errors.ts';
import type { Machine } from '../node-file.ts';
import type { ShellEnd } from './machine-shell.ts';
import { sshByHand } from './ssh-command.ts';

type Code = Parameters<typeof pilotErrors.create>[0];

/** The first that matches holds: a changed key is told of by several sentences. */
const SENTENCES: readonly (readonly [RegExp, Code])[] = [
  [/REMOTE HOST IDENTIFICATION HAS CHANGED|Offending .* key in /, 'PILOT_HOST_KEY_CHANGED'],
  [/Host key verification failed|No \S+ host key is known for/, 'PILOT_HOST_KEY_UNKNOWN'],
  [/REVOKED HOST KEY/, 'PILOT_HOST_KEY_CHANGED'],
  [/Could not resolve hostname|Name or service not known/, 'PILOT_HOST_NAME_UNKNOWN'],
  [/Connection refused/, 'PILOT_HOST_REFUSES'],
  [/timed out|No route to host|Network is unreachable|Host is down/, 'PILOT_HOST_UNREACHABLE'],
  [/Permission denied|Too many authentication failures/, 'PILOT_LOGIN_REFUSED'],
  [/No supported authentication methods/, 'PILOT_LOGIN_REFUSED'],
];

const SSH_FAILED = 255;

/** The error for a conversation that could not begin, or broke off. */
export function sshFailure(machine: Machine, end: ShellEnd): WindrowError {
  const facts = { machine: machine.name, byHand: sshByHand(machine) };
  if (end.notStarted !== null) {
    return pilotErrors.create('PILOT_SSH_MISSING', { ...facts, reason: end.notStarted });
  }
  const told = sentenceOf(end);
  if (told) return pilotErrors.create(told.code, { ...facts, reason: told.reason });
  const reason = lastOf(end);
  if (end.givenUp === 'silent') {
    const code = end.wasReady ? 'PILOT_CONNECTION_LOST' : 'PILOT_HOST_UNREACHABLE';
    return pilotErrors.create(code, { ...facts, reason: reason || 'no answer' });
  }
  if (end.wasReady) return pilotErrors.create('PILOT_CONNECTION_LOST', { ...facts, reason });
  if (end.exitCode === SSH_FAILED)
    return pilotErrors.create('PILOT_SSH_FAILED', { ...facts, reason });
  const how = end.exitCode === null ? 'a signal' : `exit code ${end.exitCode}`;
  return pilotErrors.create('PILOT_SHELL_UNUSABLE', { ...facts, how, reason });
}

/** True where the connection itself is at fault, and another one may tell why. */
export function isUnclear(end: ShellEnd): boolean {
  return end.notStarted === null && end.givenUp !== 'closed' && !sentenceOf(end);
}

function sentenceOf({
  errors,
  exitCode,
  givenUp,
}: ShellEnd): { code: Code; reason: string } | null {
  // A command of the user's may say the same words.
  if (exitCode !== SSH_FAILED && givenUp === null) return null;
  for (const [pattern, code] of SENTENCES) {
    const line = errors.find((one) => pattern.test(one));
    if (line !== undefined) return { code, reason: plain(line) };
  }
  return null;
}

/** Without what surrounds it: `@    WARNING: … @`. */
function plain(line: string): string {
  return line.replace(/^(?:ssh: |[@\s]+WARNING: )|[@\s]+$/g, '').slice(0, 500);
}

function lastOf({ errors, other }: ShellEnd): string {
  const lines = [...errors, ...other].map((line) => line.trim()).filter((line) => line !== '');
  return lines.slice(-3).join(' / ').slice(0, 500) || 'it said nothing';
}
