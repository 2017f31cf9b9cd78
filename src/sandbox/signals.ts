import { constants } from 'node:os';

/** Where two names share a number, the one that POSIX prefers. */
const ALIASES = new Set(['SIGIOT', 'SIGPOLL', 'SIGUNUSED', 'SIGCLD']);

/** Linux numbers its real-time signals 34 to 64 as programs see them; they have no other names. */
const FIRST_REAL_TIME = 34;

const NAMES: ReadonlyMap<number, string> = new Map(
  Object.entries(constants.signals)
    .filter(([name]) => !ALIASES.has(name))
    .map(([name, number]) => [number, name]),
);

/** 9 → `SIGKILL`, 34 → `SIGRTMIN`, 36 → `SIGRTMIN+2`. */
export function signalName(number: number): string {
  const name = NAMES.get(number);
  if (name !== undefined) return name;
  if (number < FIRST_REAL_TIME) return `SIG${number}`;
  return number === FIRST_REAL_TIME ? 'SIGRTMIN' : `SIGRTMIN+${number - FIRST_REAL_TIME}`;
}
