/** The only place where parts are chosen and joined. Each is loaded when it is needed. */
import { baseErrors } from '#base';
import { type Composition, cliErrors, type NamedErrors, type World } from '#cli';
import { binErrors } from './errors.ts';

/** What the command line of `world` can call upon. */
export function compositionFor(world: World): Composition {
  return {
    run: async (options, into) => (await import('./run.ts')).run(options, into),
    serve: async (options, into) => (await import('./serve.ts')).serve(options, into),
    worker: async (options, into) => (await import('./work.ts')).work(options, into),
    sandbox: async () => (await import('./sandbox.ts')).sandbox,
    machines: async () => (await import('./machines.ts')).machines,
    newTraceId: async () => (await import('./traces.ts')).newTraceId(),
    collectTraces: async (options, signal) =>
      (await import('./traces.ts')).collectTraces(options, signal),
    openState: async (stateDirectory) => {
      const { openState } = await import('./serve.ts');
      return openState(stateDirectory, world.surroundings.environment);
    },
    errorTables,
  };
}

/** The errors of every room, as far down as a user may meet them. */
export async function errorTables(): Promise<readonly NamedErrors[]> {
  const [classad, wire, sweep, store, sandbox, results, traces, pilots, worker, server] =
    await Promise.all([
      import('#classad'),
      import('#wire'),
      import('#sweep'),
      import('#store'),
      import('#sandbox'),
      import('#results'),
      import('#traces'),
      import('#pilots'),
      import('#worker'),
      import('#server'),
    ]);
  const rooms: [room: string, door: object][] = [
    ['base', { baseErrors }],
    ['classad', classad],
    ['sweep', sweep],
    ['wire', wire],
    ['store', store],
    ['sandbox', sandbox],
    ['results', results],
    ['traces', traces],
    ['pilots', pilots],
    ['worker', worker],
    ['server', server],
    ['cli', { cliErrors }],
    ['bin', { binErrors }],
  ];
  return rooms.flatMap(([room, door]) => tablesOf(door).map((entries) => ({ room, entries })));
}

/** A room's door exports its tables of errors under names that end in `Errors`. */
function tablesOf(door: object): NamedErrors['entries'][] {
  return Object.entries(door)
    .filter(([name]) => name.endsWith('Errors'))
    .map(([, table]: [string, { entries: NamedErrors['entries'] }]) => table.entries);
}
