import { printableLines } from '#base';
import type { StoreEvent } from '#datastore';
import { toChange } from './ask.ts';
import { type DataDesk, deskOf } from './data-desk.ts';
import { cliErrors } from './errors.ts';
import type { Composition } from './port.ts';
import { begunUploads } from './send-blobs.ts';
import type { ReadSettings, World } from './world.ts';

interface Wish {
  readonly settings: ReadSettings;
  readonly composition: Composition;
}

/**
 * Uses the datastore that the command means, of a server or of a directory of this machine, and leaves
 * it whatever happens. Throws USAGE_WRONG where both were named.
 */
export async function withData<T>(
  wish: Wish,
  world: World,
  use: (desk: DataDesk, place: 'server' | 'here') => Promise<T>,
  beforeWords: () => void = () => {},
): Promise<T> {
  if (isAtServer(wish.settings)) {
    const { serverData } = await import('./server-data.ts');
    return toChange(wish, world, (client) => {
      return use(serverData(client, begunUploads(world.surroundings)), 'server');
    });
  }
  const onEvent = (event: StoreEvent) => {
    const words = wordsFor(event);
    if (words === null) return;
    beforeWords();
    world.stderr.attempt(printableLines(`windrow: ${words}\n`));
  };
  const store = await wish.composition.openData({ values: wish.settings.values, onEvent });
  try {
    return await use(
      deskOf(store, () => world.clock.now()),
      'here',
    );
  } finally {
    await store.close();
  }
}

/** What stands on the command line goes before a server of the settings. */
function isAtServer({ values, origins }: ReadSettings): boolean {
  const isSaid = (setting: 'server' | 'stateDirectory' | 'dataDirectory') =>
    origins[setting].kind === 'command line';
  const isServerSaid = isSaid('server') || isSaid('stateDirectory');
  if (isServerSaid && isSaid('dataDirectory')) {
    throw cliErrors.create('USAGE_WRONG', {
      problem: 'a datastore is that of a server or that of --data-dir, not both',
      help: 'windrow data ls --help',
    });
  }
  return isServerSaid || (values.server !== '' && !isSaid('dataDirectory'));
}

/** What a user should know without having asked. */
function wordsFor(event: StoreEvent): string | null {
  switch (event.kind) {
    case 'corrupt':
      return `${event.key} was damaged and set aside: ${event.reason}`;
    case 'garbage':
      return `${event.path} was set aside: ${event.reason}`;
    case 'unstored':
      return `${event.key} came, and could not be stored: ${event.reason}`;
    case 'restarted':
      return `${event.key} is fetched from the start: ${event.reason}`;
    case 'stale':
      return `${event.key} may be out of date: ${event.reason}`;
    case 'proxy-failed':
      return `proxy ${event.proxy} is passed over: ${event.reason}`;
    default:
      return null;
  }
}
