/** What `windrow submit` sends: a submit description, or a sweep file as it stands. */
import { randomBytes } from 'node:crypto';
import { systemClock } from '#base';
import type { FilePlan, World } from '#cli';
import { adTexts, isSubmitFile, readSweepFile } from '#sweep';
import { PLATFORM } from './executables.ts';
import { planDescription } from './plan-description.ts';
import { plannedOf } from './plan-sweep.ts';

/** @throws WindrowError naming everything that is wrong with it */
export async function planFile(file: string, world: World): Promise<FilePlan> {
  const { directory: cwd, environment } = world.surroundings;
  const isDescription = await isSubmitFile(file, cwd);
  // Whoever submits it again wants other numbers of $RANDOM_….
  const salt = randomBytes(16).toString('hex');
  const sweeps = isDescription
    ? await planDescription(file, world, salt)
    : [
        plannedOf(
          await readSweepFile(
            file,
            {},
            { cwd, platform: PLATFORM, searchPath: environment.PATH ?? '' },
          ),
          cwd,
        ),
      ];
  return {
    isDescription,
    sweeps,
    *ads() {
      for (const { spec } of sweeps) yield* adTexts(spec, systemClock.now());
    },
  };
}
