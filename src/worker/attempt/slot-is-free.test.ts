import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { WallPlan, Walls } from '#sandbox';
import { openField, run, until } from '../testing/field.ts';
import { jobOf } from '../testing/field-server.ts';

/** Walls that stand at once, and remains that end when they are let. */
function wallsThatNote(notes: string[], remainsOf: (name: string) => Promise<void>): Walls {
  const note = async ({ name }: WallPlan, said: string) => void notes.push(`${said} ${name}`);
  return {
    needsNone: () => false,
    machine: async () => ({ able: [], networks: ['host'], roots: [], writable: [] }),
    abilities: async () => [],
    plan: async ({ name, scratch, directory }) => {
      notes.push(`plan ${name}`);
      const launch = { prefix: [], cgroups: [], namespaces: [], files: [], guarded: false };
      const record = {
        wanted: 'bare',
        had: [],
        network: 'host',
        root: '',
        account: 'ada',
      } as const;
      const where = { scratch, directory, privateDirectories: [], mounts: false, account: null };
      return { name, operations: [], launch, environment: {}, record, ...where };
    },
    raise: (plan) => note(plan, 'raise'),
    watch: () => () => {},
    endRemains: async (plan) => {
      notes.push(`end ${plan.name}`);
      await remainsOf(plan.name);
      notes.push(`ended ${plan.name}`);
      return [];
    },
    settle: async (plan) => note(plan, 'measure').then(() => []),
    takeDown: (plan) => note(plan, 'take down'),
    remove: async () => {},
    close: async () => {},
  };
}

test('a slot is free when nothing of its program is left, and its figures are read before they are taken down', async () => {
  await using field = await openField();
  const notes: string[] = [];
  const { promise: mayEnd, resolve: letEnd } = Promise.withResolvers<void>();
  const walls = wallsThatNote(notes, () => mayEnd);
  field.start({ walls, slots: 1 });
  const done = run(field, jobOf('echo $x'), [['1'], ['2']]);
  await until(() => notes.some((note) => note.startsWith('end ')));
  // As many turns as whoever would begin the next too early could want.
  for (let turns = 0; turns < 20; turns++) await new Promise(setImmediate);
  assert.equal(notes.filter((note) => note.startsWith('plan')).length, 1, notes.join());
  letEnd();
  await done;
  const first = notes[0]!.slice('plan '.length);
  const second = notes.findLast((note) => note.startsWith('raise'))!.slice('raise '.length);
  assert.notEqual(first, second);
  const at = (note: string) => notes.indexOf(note);
  assert.ok(at(`ended ${first}`) < at(`plan ${second}`), notes.join());
  assert.ok(at(`ended ${first}`) < at(`measure ${first}`), notes.join());
  assert.ok(at(`measure ${first}`) < at(`take down ${first}`), notes.join());
});
