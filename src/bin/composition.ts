/** The only place where parts are chosen and joined. Each is loaded when it is needed. */
import { baseErrors } from '#base';
import { type Composition, cliErrors, type NamedErrors } from '#cli';
import { binErrors } from './errors.ts';

export const composition: Composition = {
  run: async () => {
    throw binErrors.create('PART_MISSING', { what: 'run a sweep' });
  },
  serve: async () => {
    throw binErrors.create('PART_MISSING', { what: 'serve' });
  },
  worker: async () => {
    throw binErrors.create('PART_MISSING', { what: 'work' });
  },
  openState: async () => {
    throw binErrors.create('PART_MISSING', { what: 'read a state directory' });
  },
  errorTables,
};

async function errorTables(): Promise<readonly NamedErrors[]> {
  const { apiErrors, wireErrors } = await import('#wire');
  const tables = {
    base: baseErrors,
    wire: wireErrors,
    api: apiErrors,
    cli: cliErrors,
    bin: binErrors,
  };
  return Object.entries(tables).map(([room, { entries }]) => ({ room, entries }));
}
