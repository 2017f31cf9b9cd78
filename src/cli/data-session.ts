import { printableLines } from '#base';
import type { Datastore, StoreEvent } from '#datastore';
import type { Composition } from './port.ts';
import type { ReadSettings, World } from './world.ts';

interface Wish {
  readonly settings: ReadSettings;
  readonly composition: Composition;
}

/** Uses the datastore of the settings, and closes it whatever happens. */
export async function withDatastore<T>(
  { settings, composition }: Wish,
  world: World,
  use: (store: Datastore) => Promise<T>,
  beforeWords: () => void = () => {},
): Promise<T> {
  const onEvent = (event: StoreEvent) => {
    const words = wordsFor(event);
    if (words === null) return;
    beforeWords();
    world.stderr.attempt(printableLines(`windrow: ${words}\n`));
  };
  const store = await composition.openData({ values: settings.values, onEvent });
  try {
    return await use(store);
  } finally {
    await store.close();
  }
}

/** What a user should know without having asked. */
function wordsFor(event: StoreEvent): string | null {
  switch (event.kind) {
    case 'corrupt':
      return `${event.key} was damaged and set aside: ${event.reason}`;
    case 'garbage':
      return `${event.path} was set aside: ${event.reason}`;
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
