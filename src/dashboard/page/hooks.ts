/** What views use: where one is, how the connection stands, and answers that are kept fresh. */
import { createContext } from 'preact';
import { useContext, useEffect, useReducer, useState } from 'preact/hooks';
import type { Connection, Standing } from './connection.ts';
import { type Place, placeOf } from './place.ts';

export const ConnectionOf = createContext<Connection | null>(null);

export function useConnection(): Connection {
  return useContext(ConnectionOf)!;
}

export function useStanding(): Standing {
  const connection = useConnection();
  const [, renew] = useReducer((turn: number) => turn + 1, 0);
  useEffect(() => connection.watch(() => renew(0)), [connection]);
  return connection.standing;
}

export function usePlace(): Place {
  const [place, setPlace] = useState(() => placeOf(location.hash));
  useEffect(() => {
    const onChange = (): void => setPlace(placeOf(location.hash));
    addEventListener('hashchange', onChange);
    return () => removeEventListener('hashchange', onChange);
  }, []);
  return place;
}

/** Now, told again every second: for ages of things that do not move. */
export function useNow(): number {
  const [nowMs, setNow] = useState(() => Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  return nowMs;
}
