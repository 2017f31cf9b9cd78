import { messageOf } from '#base';
import type { TraceCollection, TraceCollectionView } from '#wire';
import { showCollection } from './collect-bar.ts';
import { machineWish } from './machine-wish.ts';
import type { Composition } from './port.ts';
import { openTransferBar } from './transfer-bar.ts';
import type { ReadSettings, World } from './world.ts';

/** What every way of collecting needs to know; empty is what the settings of a machine say. */
export type CollectWish = Omit<TraceCollection, 'url'>;

interface BySsh {
  /** As the user names the list of machines. */
  readonly nodes: string;
  readonly wish: CollectWish;
  /** Options that say how tracing is stopped; none: as the settings of each machine have it. */
  readonly stopping: readonly string[];
  /** URL; `''`: the server. */
  readonly collector: string;
  /** Of the server, as it says of itself. */
  readonly serverUrl: () => Promise<string>;
  /** No bar. */
  readonly isQuiet: boolean;
}

/** Lets machines bring their traces, reached by ssh; what came of each. */
export async function collectBySsh(
  { nodes, wish, stopping, collector, serverUrl, isQuiet }: BySsh,
  { settings, composition }: { settings: ReadSettings; composition: Composition },
  world: World,
): Promise<TraceCollectionView> {
  const { values } = settings;
  const found = new Map<string, WorkerView>();
  const bar = await openTransferBar(isQuiet, world.stderr);
  const machines = await composition.machines();
  const all = await machines
    .windrow(
      {
        ...machineWish(nodes, settings, world),
        // With a collector elsewhere the server does not matter, but the way to it is never asked for.
        url: collector || (await serverUrl()),
        advertise: collector ? new URL(collector).host : values.advertise,
        executables: values.executables,
        wordsFor: (url) => [...wordsFor(wish, collector || url, collector === ''), ...stopping],
        input: wish.secret,
      },
      world,
      (machine, _stream, line) => {
        found.set(machine, viewAfter(found.get(machine), machine, line));
        showCollection(bar, [...found.values()]);
      },
    )
    .finally(() => bar.end());
  const workers = all.map(({ machine, error }) => {
    const view = found.get(machine) ?? emptyView(machine);
    if (error) return { ...view, state: 'failed' as const, message: messageOf(error) };
    return view.state === 'running' ? { ...view, state: 'failed' as const } : view;
  });
  return { collection: 0, id: wish.id, workers };
}

/** The command on each machine; the secret is not among its words. */
function wordsFor(wish: CollectWish, url: string, isOwnServer: boolean): string[] {
  const { id, directory, match, compression, remove, account, insecure } = wish;
  return [
    ...['traces', 'collect', '--here', '--json', '--secret-stdin'],
    ...['--id', id, '--to', url, '--trace-account', account],
    ...(directory === '' ? [] : ['--dir', directory]),
    ...(match === '' ? [] : ['--match', match]),
    ...(compression === '' ? [] : ['--trace-compression', compression]),
    `--remove=${remove ? 'yes' : 'no'}`,
    ...(insecure || isOwnServer ? ['--insecure'] : []),
  ];
}

type WorkerView = TraceCollectionView['workers'][number];

function emptyView(name: string): WorkerView {
  const message = 'it ended without a word';
  const nothing = { stored: 0, failed: 0, bytes: 0, foundBytes: 0, doneBytes: 0 };
  return { worker: '', name, state: 'failed', ...nothing, message };
}

/** What a line of JSON that the machine printed adds to what is known of it. */
function viewAfter(known: WorkerView | undefined, machine: string, line: string): WorkerView {
  const view = known ?? emptyView(machine);
  let told: { kind?: unknown; error?: { message?: unknown } } & Record<string, unknown>;
  try {
    told = JSON.parse(line);
  } catch {
    return view;
  }
  const count = (value: unknown) => (Number.isSafeInteger(value) ? (value as number) : 0);
  const error = typeof told?.error?.message === 'string' ? told.error.message : '';
  if (told?.kind === 'progress') {
    const { foundBytes, doneBytes } = told;
    return {
      ...view,
      ...{ state: 'running', foundBytes: count(foundBytes), doneBytes: count(doneBytes) },
    };
  }
  if (told?.kind !== 'end') return error === '' ? view : { ...view, message: error };
  const message = known && view.message !== emptyView('').message ? view.message : '';
  const { stored, failed, bytes } = told;
  const counts = { stored: count(stored), failed: count(failed), bytes: count(bytes) };
  return { ...view, ...counts, state: 'done', message };
}
