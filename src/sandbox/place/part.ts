/** The part that makes an attempt's directories and hands them to its account. */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Ground, Plot } from '../walls/ground.ts';
import type { Ability, Part, PartPlan } from '../walls/part.ts';
import { createPlaceHand, removeForSure } from './hand.ts';

/** Below the worker's directory: private directories of running attempts. */
export const PRIVATE = 'private';

export interface PrivateDirectory {
  /** Where the attempt sees it, e.g. `/tmp`. */
  readonly seen: string;
  /** Where it lies. */
  readonly real: string;
}

/**
 * On the file system of the scratch directory, so that what is in them is counted there; side by side,
 * since each further directory costs an attempt as much as its walls on a busy disk.
 */
export function privateDirectories(plot: Plot, ground: Ground): PrivateDirectory[] {
  const beginning = join(ground.directory, PRIVATE, plot.name);
  return plot.privateDirectories.map((seen) => ({
    seen,
    real: `${beginning}.${seen.slice(1).replaceAll('/', '_')}`,
  }));
}

/** What an attempt asks for is kept all the same; only not by the kernel, and so not to the byte. */
const DISK: Ability = {
  wall: 'disk',
  how: 'quota',
  able: false,
  reason:
    'none is set; what attempts write is counted while they run, and who is over its request ends',
  remedy: 'nothing is to be done; bytes beyond the request are noticed within 50 ms to a second',
};

export function createPlacePart(): Part<'place', true> {
  return { name: 'place', ...createPlaceHand(), ...PLANNING };
}

const PLANNING: Pick<Part<'place', true>, 'probe' | 'prepare' | 'plan' | 'clear'> = {
  probe: async () => ({ facts: true, abilities: [DISK], remarks: [] }),

  prepare: ({ directory }) => [
    { part: 'place', do: 'keep-directories', path: join(directory, PRIVATE) },
  ],

  plan(plot, { walls }, ground): PartPlan<'place'> | null {
    const { uid, gid } = plot.account;
    const operations: PartPlan<'place'>['operations'][number][] = [];
    if (walls.has('tmp')) {
      const own = { part: 'place', do: 'make-directory' } as const;
      for (const { real } of privateDirectories(plot, ground)) {
        operations.push({ ...own, path: real, uid, gid });
      }
    }
    if (uid !== ground.uid) {
      operations.push({ part: 'place', do: 'own', path: plot.scratch, uid, gid });
    }
    return operations.length === 0 ? null : { operations, walls: [] };
  },

  /** Under the worker's lock, what lies there belongs to nobody who lives. */
  async clear({ directory }: Ground) {
    const folder = join(directory, PRIVATE);
    if (!existsSync(folder)) return [];
    const said: string[] = [];
    for (const name of readdirSync(folder)) {
      await removeForSure(join(folder, name));
      said.push(`removed the private directory ${name}`);
    }
    return said;
  },
};
