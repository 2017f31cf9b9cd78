/** The server of `bench/dispatch.ts`: a process of its own. Prints its address, ends with its stdin. */
import { join } from 'node:path';
import { EQUAL_SHARES, systemClock } from '#base';
import { openLineProcess, openStarter } from '#sandbox';
import { Server } from '#server';
import { SqliteStore } from '#store';

const [root = '', session = '', adminToken = ''] = process.argv.slice(2);
const stateDirectory = join(root, 'state');
const server = await Server.open({
  data: null,
  store: new SqliteStore(join(stateDirectory, 'windrow.sqlite')),
  stateDirectory,
  session,
  adminToken,
  clock: systemClock,
  version: '0.0.0-bench',
  stagerPatienceMs: 3_600_000,
  leaseMs: 60_000,
  pingSeconds: 20,
  policy: { file: '', intervalMs: 60_000 },
  sharing: EQUAL_SHARES,
  diskReserveBytes: 0,
  userCode: 'refuse',
  userCodePorts: {
    openLineProcess: ({ onEnd, ...request }) =>
      openLineProcess({
        ...request,
        onEnd: ({ message, stdout, stderr }) =>
          onEnd({ reason: message, stdout: stdout.text, stderr: stderr.text }),
      }),
    openStarter: () => openStarter({ launcherPath: null }),
    environment: {},
    nonce: () => crypto.randomUUID(),
  },
  validators: 1,
  findClient: async () => {
    throw new Error('there are no executables');
  },
  readOnly: false,
  tls: null,
  faces: [],
  traces: null,
  log: (level, message, facts) => console.error(level, message, facts ?? ''),
  onStop: (_mode, error) => {
    throw error;
  },
});
console.log(await server.listen('127.0.0.1', 0));
process.stdin.resume().on('end', async () => {
  console.log(process.memoryUsage.rss());
  await server.close();
});
