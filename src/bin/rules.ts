/** The rules of this site, where there are some. */
import { systemClock } from '#base';
import { localAmbient } from '#classad';
import type { TrapRecord } from '#model';
import { type RuleEvent, Rules, readRulesFile } from '#rules';
import { readSecretFile } from '#wire';

type Log = (level: 'info' | 'warn' | 'error', message: string, facts?: object) => void;

/** @throws WindrowError RULES_FILE_…, SECRET_FILE_… */
export async function openRules(file: string, log: Log): Promise<Rules> {
  const clock = systemClock;
  const ambient = localAmbient({
    now: () => clock.now(),
    random: () => Math.random(),
    elapsedMs: () => clock.monotonic(),
  });
  return new Rules({ file: await readRulesFile(file, readSecretFile), clock, ambient, log });
}

/** A trap of a collector by itself, as a server tells of it. */
export function eventOfTrap(trap: TrapRecord): RuleEvent {
  const { id, atMs, node, fileSystem, category, message, condition, source, kind } = trap;
  const about = { node, fileSystem, category, message, condition, source };
  return { kind: 'trap', trap: id, atMs, ...about, isOver: kind === 'clear' };
}
