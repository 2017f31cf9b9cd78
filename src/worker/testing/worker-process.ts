/** Started by tests: a worker as a process of its own, its settings as JSON in argv, the session on stdin. */
import { WindrowError } from '#base';
import { findLauncher, openStarter } from '#sandbox';
import { runWorker } from '../command.ts';
import { endpointFrom, readSessionLine } from '../endpoint.ts';
import { sessionTag } from '../session-tag.ts';
import { optionsFor, silent, storeIn } from './field.ts';

const settings = JSON.parse(process.argv[2]!) as {
  url: string;
  dir: string;
  blockMs?: number;
  drainMs?: number;
  sessionFile?: string;
  starter?: 'spawn';
  exclusive?: boolean;
  /** Its lock tells of session and server, as when it is started by ssh. */
  told?: boolean;
};

/** The second start of a program stops this thread dead for a while. */
function block(ms: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, ms);
}

const session = await readSessionLine(process.stdin);
process.stdin.destroy();
const options = optionsFor(settings.dir, settings);
let starts = 0;
try {
  await runWorker({
    ...options,
    openPeers: null,
    endpoint: endpointFrom(
      settings.sessionFile
        ? { kind: 'url', url: settings.url, sessionFile: settings.sessionFile }
        : { kind: 'given', url: settings.url, session },
    ),
    runErrand: async () => ({
      ...{ stored: 0, failed: 0, bytes: 0, foundBytes: 0, doneBytes: 0, message: '' },
    }),
    openStarter: () => {
      const starter = openStarter({
        launcherPath: settings.starter === 'spawn' ? null : findLauncher(),
      });
      return {
        kind: starter.kind,
        ahead: starter.ahead,
        prepare: () => starter.prepare(),
        start(request) {
          if (settings.blockMs && ++starts === 2) block(settings.blockMs);
          return starter.start(request);
        },
        close: () => starter.close(),
      };
    },
    openWalls: async () => options.walls,
    exclusive: settings.exclusive ?? false,
    sessionTag: settings.told ? sessionTag(session) : '',
    server: settings.told ? settings.url : '',
    clientFile: null,
    openData: async (directory, server) => storeIn(directory, server),
    drainMs: settings.drainMs ?? null,
    log: silent,
  });
} catch (error) {
  if (!(error instanceof WindrowError)) throw error;
  console.error(error.code);
  process.exitCode = 1;
}
