/**
 * A process that shares a store, for tests: `child.ts DIRECTORY ORIGIN MODE`. `once` ensures one key
 * and prints what came of it; `early` reads what it gets before it is stored, and asks again when it had
 * its time; `large` prints its peak of resident memory in KiB; `busy` works on many until it is killed.
 */
import { readFileSync, writeSync } from 'node:fs';
import { systemClock } from '#base';
import { openHttpTransport } from '../http/http-transport.ts';
import { openDatastore } from '../open-datastore.ts';
import type { StoreEvent } from '../port.ts';
import { sha256Of } from './origin.ts';

const [directory = '', origin = '', mode = ''] = process.argv.slice(2);
const common = {
  clock: systemClock,
  random: Math.random,
  onEvent: ({ kind }: StoreEvent) => {
    if (mode === 'early') writeSync(1, `${kind}\n`);
  },
};
const http = openHttpTransport({
  ...common,
  proxies: { http: [], https: [], none: [] },
  credentials: null,
  userAgent: 'windrow-test',
});
let isWorking = false;
const store = await openDatastore({
  ...common,
  directory,
  transports: [http],
  limits: { leastFreeBytes: 0 },
  fetching: { tries: 3, backoffFromMs: 1, backoffToMs: 5 },
});
if (mode === 'once') process.stdout.write('ready\n');

if (mode === 'large') {
  const held = await store.ensure({ key: `${origin}/large`, mode: 'immutable' });
  const { maxRSS } = process.resourceUsage();
  process.stdout.write(`${maxRSS} ${held.way.resumes} ${held.sha256} ${await store.md5Of(held)}\n`);
  await held.release();
  await store.close();
} else if (mode === 'early') {
  const key = `${origin}/file`;
  for (let time = 0; time < 2; time++) {
    const held = await store.ensure({ key, mode: 'immutable', isEarly: true });
    const read = () => sha256Of(readFileSync(held.path));
    writeSync(1, `${held.way.how} ${read()}\n`);
    const isThere = (await store.find(key)) !== null;
    writeSync(1, `${isThere ? 'there' : 'not there'} ${read()}\n`);
    await held.release();
  }
  await store.close();
} else if (mode === 'once') {
  const held = await store.ensure({ key: `${origin}/file`, mode: 'immutable' });
  process.stdout.write(`${held.way.how} ${held.sha256}\n`);
  await held.release();
  await store.close();
} else await Promise.all(Array.from({ length: 3 }, work));

async function work(): Promise<never> {
  for (;;) {
    const key = `${origin}/f${Math.floor(Math.random() * 6)}`;
    const isEarly = Math.random() < 0.5;
    const held = await store.ensure({ key, mode: 'revalidate', isEarly }).catch(() => null);
    if (held !== null && !isWorking) process.stdout.write('working\n');
    isWorking ||= held !== null;
    const chance = Math.random();
    if (chance < 0.1) await store.pin(key, 'user').catch(() => {});
    else if (chance < 0.2) await store.unpin('user', key);
    else if (chance < 0.3) await store.remove(key).catch(() => {});
    else if (chance < 0.35) await store.age({ toBytes: 200_000 });
    await held?.release();
  }
}
