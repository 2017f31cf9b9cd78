/** The ways of tracking as an administrator wants to see them: which there are here, what each misses. */
import type { Level } from '#model';
import type { Ability } from '../walls/part.ts';
import { STRATEGIES, type Strategy } from './strategies.ts';
import type { Tracking } from './ways.ts';

export interface TrackingWay {
  readonly name: Strategy;
  readonly able: boolean;
  /** It is the one that attempts get whose jobs ask for no walls. */
  readonly used: boolean;
  readonly how: string;
  readonly misses: string;
  /** Why it is not to be had; `''` where it is. */
  readonly reason: string;
}

/** How the walls that a way is made by call themselves. */
const MADE_AS: Partial<Record<Strategy, RegExp>> = {
  cgroup: /^cgroup/,
  'pid namespace': /^bubblewrap/,
  'group id': /^group id/,
};

/** In the order of their strength. `abilities`: those of the machine, under the same setting. */
export function trackingWays(
  about: { readonly way: Tracking; readonly level: Level; readonly hasLauncher: boolean },
  abilities: readonly Ability[],
): readonly TrackingWay[] {
  const ways = STRATEGIES.map((strategy) => {
    const reason = lackOf(strategy.name, about.hasLauncher, abilities);
    return { ...strategy, able: reason === '', reason };
  });
  // Without any wall there is neither cgroup nor namespace.
  const isBare = about.level === 'bare';
  const strongest = ways.find(({ able, name }) => able && !(isBare && name in MADE_AS))?.name;
  const used = about.way === 'auto' ? strongest : about.way;
  return ways.map((way) => ({ ...way, used: way.able && way.name === used }));
}

/** `''`: nothing. */
function lackOf(name: Strategy, hasLauncher: boolean, abilities: readonly Ability[]): string {
  if (name === 'adoption') return hasLauncher ? '' : 'the launcher is not there';
  const made = MADE_AS[name];
  if (made === undefined) return '';
  const ability = abilities.find(({ wall, how }) => wall === 'track' && made.test(how));
  if (ability === undefined) return 'it has to be chosen: isolation-tracking = group-id';
  return ability.able ? '' : ability.reason;
}
