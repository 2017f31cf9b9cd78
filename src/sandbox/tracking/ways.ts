/** Which of the ways of tracking a worker uses. */
import type { Ability } from '../walls/part.ts';
import type { Strategy } from './strategies.ts';

/** `auto`: the strongest that an attempt's walls and its starter give. */
export type Tracking = 'auto' | Strategy;

/** Ways that the starter without a launcher carries out by itself, each alone. */
export type WayAlone = 'group id' | 'cookie' | 'process tree' | 'process group';
const ALONE: readonly string[] = ['group id', 'cookie', 'process tree', 'process group'];

/** Null: cgroups, namespaces, or whatever the starter itself does. */
export function wayAlone(tracking: Tracking): WayAlone | null {
  return ALONE.includes(tracking) ? (tracking as WayAlone) : null;
}

/** The wall that a way makes when it is the one that was chosen; the others make none by themselves. */
const BY: Partial<Record<Tracking, RegExp>> = {
  auto: /./,
  cgroup: /^cgroup/,
  'pid namespace': /^bubblewrap/,
};

/** What the administrator has ruled out does not stand, whether it could or not. */
export function unlessRuledOut(ability: Ability, way: Tracking): Ability {
  if (ability.wall !== 'track' || BY[way]?.test(ability.how)) return ability;
  const { wall, how } = ability;
  const reason = `the setting isolation-tracking is ${way.replaceAll(' ', '-')}`;
  return { wall, how, able: false, reason, remedy: 'set isolation-tracking to auto' };
}

/** Only root gives groups, and only a range that nobody else uses tells whose a process is. */
export function groupIdAbility(
  ground: {
    readonly uid: number;
    readonly settings: { readonly tracking: { readonly firstGroup: number } };
  },
  hasLastStage: boolean,
): Ability {
  const own = { wall: 'track', how: 'group id' } as const;
  const lack = (reason: string, remedy: string) =>
    ({ ...own, able: false, reason, remedy }) as const;
  if (ground.uid !== 0) return lack('the worker is not root', 'run the worker as root');
  if (ground.settings.tracking.firstGroup === 0) {
    return lack('no group ids are kept for it', 'set isolation-tracking-group');
  }
  if (!hasLastStage) {
    return lack('the launcher is not there', 'install a C compiler and run "npm rebuild"');
  }
  return { ...own, able: true };
}
