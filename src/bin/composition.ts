/** The only place where parts are chosen and joined. Each is loaded when it is needed. */
import { baseErrors } from '#base';
import { type Composition, cliErrors, type NamedErrors, type World } from '#cli';
import { binErrors } from './errors.ts';

/** What the command line of `world` can call upon. */
export function compositionFor(world: World): Composition {
  return {
    run: async (options, into) => (await import('./run.ts')).run(options, into),
    planFile: async (file, into) => (await import('./plan-file.ts')).planFile(file, into),
    serve: async (options, into) => (await import('./serve.ts')).serve(options, into),
    worker: async (options, into) => (await import('./work.ts')).work(options, into),
    sandbox: async () => (await import('./sandbox.ts')).sandbox,
    serveTraps: async (options, into) =>
      (await import('./serve-traps.ts')).serveTraps(options, into),
    machines: async () => (await import('./machines.ts')).machines,
    certificates: async () => (await import('./tls.ts')).certificates,
    traceIdFor: async (wished) => (await import('./traces.ts')).traceIdFor(wished),
    collectTraces: async (options, signal) =>
      (await import('./traces.ts')).collectTraces(options, signal),
    watchProcesses: async (options, tell, signal) =>
      (await import('./procwatch.ts')).watch(options, tell, signal),
    openState: async (stateDirectory) => {
      const { openState } = await import('./serve.ts');
      return openState(stateDirectory, world.surroundings.environment);
    },
    openData: async (options) =>
      (await import('./data.ts')).openData(options, world.surroundings, world.clock),
    errorTables,
  };
}

/** Every room that has errors, in the order of the reference. */
const DOORS: readonly (readonly [room: string, open: () => Promise<object>])[] = [
  ['base', async () => ({ baseErrors })],
  ['classad', () => import('#classad')],
  ['policy', () => import('#policy')],
  ['sweep', () => import('#sweep')],
  ['wire', () => import('#wire')],
  ['store', () => import('#store')],
  ['datastore', () => import('#datastore')],
  ['sandbox', () => import('#sandbox')],
  ['results', () => import('#results')],
  ['certificates', () => import('#certificates')],
  ['traces', () => import('#traces')],
  ['traps', () => import('#traps')],
  ['rules', () => import('#rules')],
  ['pilots', () => import('#pilots')],
  ['worker', () => import('#worker')],
  ['server', () => import('#server')],
  ['cli', async () => ({ cliErrors })],
  ['dashboard', () => import('#dashboard')],
  ['bin', async () => ({ binErrors })],
];

/** The errors of every room, as far down as a user may meet them. */
export async function errorTables(): Promise<readonly NamedErrors[]> {
  const doors = await Promise.all(
    DOORS.map(async ([room, open]) => ({ room, door: await open() })),
  );
  return doors.flatMap(({ room, door }) => tablesOf(door).map((entries) => ({ room, entries })));
}

/** A room's door exports its tables of errors under names that end in `Errors`. */
function tablesOf(door: object): NamedErrors['entries'][] {
  return Object.entries(door)
    .filter(([name]) => name.endsWith('Errors'))
    .map(([, table]: [string, { entries: NamedErrors['entries'] }]) => table.entries);
}
