/** The web page: it begins here. */
import { render } from 'preact';
import { useEffect, useState } from 'preact/hooks';
import { Connection } from './connection.ts';
import { Frame } from './frame.tsx';
import { ConnectionOf, usePlace, useStanding } from './hooks.ts';
import { Login } from './login.tsx';
import type { Place } from './place.ts';
import { forgetToken, readToken } from './token.ts';
import { Data } from './views/data.tsx';
import { Job } from './views/job.tsx';
import { Jobs } from './views/jobs.tsx';
import { Task } from './views/task.tsx';
import { Traces } from './views/traces.tsx';
import { Traps } from './views/traps.tsx';
import { Workers } from './views/workers.tsx';

function Page({ connection }: { connection: Connection }) {
  const [hasToken, setHasToken] = useState(readToken() !== '');
  const { link, server } = useStanding();
  const place = usePlace();
  const isLocked = link.kind === 'locked';
  useEffect(() => {
    if (!hasToken) return;
    connection.begin();
    return () => connection.end();
  }, [hasToken, connection]);
  useEffect(() => {
    if (isLocked) setHasToken(false);
  }, [isLocked]);
  if (!hasToken) {
    return <Login why={isLocked ? link.why : ''} onToken={() => setHasToken(true)} />;
  }
  const leave = (): void => {
    forgetToken();
    setHasToken(false);
  };
  return (
    <Frame place={place} link={link} server={server} onLeave={leave}>
      <View place={place} />
    </Frame>
  );
}

function View({ place }: { place: Place }) {
  switch (place.view) {
    case 'job':
      return <Job key={place.job} job={place.job} query={place.query} />;
    case 'task':
      return <Task job={place.job} task={place.task} />;
    case 'workers':
      return <Workers />;
    case 'traps':
      return <Traps query={place.query} />;
    case 'data':
      return <Data query={place.query} />;
    case 'traces':
      return <Traces />;
    default:
      return <Jobs query={place.query} />;
  }
}

const connection = new Connection();
render(
  <ConnectionOf.Provider value={connection}>
    <Page connection={connection} />
  </ConnectionOf.Provider>,
  document.getElementById('page')!,
);
