/** What is around every view: where one can go, how the server is, and whether it is heard. */
import type { ComponentChildren } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import type { ServerView } from '#wire';
import type { Link } from './connection.ts';
import { bytes, count, duration, moment } from './figures.ts';
import { useNow } from './hooks.ts';
import { Text } from './parts/text.tsx';
import type { Place } from './place.ts';

const VIEWS = [
  ['jobs', 'Jobs'],
  ['workers', 'Workers'],
  ['traps', 'Traps'],
  ['data', 'Data'],
  ['traces', 'Traces'],
] as const;

export function Frame({
  place,
  link,
  server,
  onLeave,
  children,
}: {
  place: Place;
  link: Link;
  server: ServerView | null;
  onLeave: () => void;
  children: ComponentChildren;
}) {
  const at = place.view === 'job' || place.view === 'task' ? 'jobs' : place.view;
  useEffect(() => {
    document.title = titleOf(place);
  }, [place]);
  return (
    <>
      <header class="top">
        <strong>Windrow</strong>
        <nav aria-label="Views">
          {VIEWS.map(([view, title]) => (
            <a
              key={view}
              class="tab"
              href={`#/${view}`}
              aria-current={view === at ? 'page' : undefined}
            >
              {title}
            </a>
          ))}
        </nav>
        <Standing link={link} />
        <button type="button" class="plain" onClick={onLeave}>
          Leave
        </button>
      </header>
      <Away link={link} />
      {server && <Newer version={server.version} />}
      <div class={link.kind === 'away' ? 'stale' : ''}>
        <main>{children}</main>
        {server && <Foot server={server} />}
      </div>
    </>
  );
}

function Standing({ link }: { link: Link }) {
  const words = {
    live: link.kind === 'live' && link.by === 'polls' ? 'live, every 5 s' : 'live',
    connecting: 'connecting …',
    away: 'not connected',
    locked: 'locked',
  };
  return (
    <span class={`standing ${link.kind}`} role="status">
      {words[link.kind]}
    </span>
  );
}

/** Nobody takes old numbers for new ones: it is said, and they are grey. */
function Away({ link }: { link: Link }) {
  const nowMs = useNow();
  if (link.kind !== 'away') return null;
  const since = link.sinceMs === null ? '' : ` since ${moment(link.sinceMs, nowMs)}`;
  return (
    <p class="cut-off" role="alert">
      Not connected{since}: {link.why}. {since !== '' && 'What is shown is of then. '}Trying again …
    </p>
  );
}

/** A server that was renewed has another page, which may ask otherwise. */
function Newer({ version }: { version: string }) {
  const [first] = useState(version);
  if (first === version) return null;
  return (
    <p class="cut-off" role="alert">
      The server is of another version now. <a href="/">Load its page</a>
    </p>
  );
}

/** What tabs and bookmarks are called. */
function titleOf(place: Place): string {
  if (place.view === 'job') return `Job ${place.job} · Windrow`;
  if (place.view === 'task') return `Task ${place.job}.${place.task} · Windrow`;
  const [, title = ''] = VIEWS.find(([view]) => view === place.view) ?? [];
  return `${title} · Windrow`;
}

function Foot({ server }: { server: ServerView }) {
  const { state, reason, workers } = server;
  return (
    <footer>
      {state !== 'running' && (
        <p class="trouble" role="alert">
          The server is {state}. <Text of={reason} />
        </p>
      )}
      <p class="quiet">
        windrow <Text of={server.version} /> · up {duration(server.uptimeMs)} ·{' '}
        {count(server.busySlots)} of {count(server.slots)} slots busy on {count(workers)}{' '}
        {workers === 1 ? 'worker' : 'workers'} · {bytes(server.diskFreeBytes)} of disk free ·{' '}
        <Text of={server.stateDirectory} />
      </p>
    </footer>
  );
}
