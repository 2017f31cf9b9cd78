/**
 * The thread of a user-code host that reads its stdin: each line is handed to the thread that runs
 * the user's module. The end of stdin is the end of the server, or of its wish; then nobody waits
 * for an answer, and the module may be in a loop that nothing ends but a signal.
 */

import { Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { parentPort } from 'node:worker_threads';

/** The host leads a process group of its own, with all that the module started and left in it. */
function endEverything(): void {
  try {
    process.kill(-process.pid, 'SIGKILL');
  } catch {
    process.kill(process.pid, 'SIGKILL');
  }
}

// Not process.stdin: in a thread that is fed by the main one, which may be busy for ever.
const input = new Socket({ fd: 0, readable: true, writable: false });
input.on('error', endEverything);
const lines = createInterface({ input, crlfDelay: Number.POSITIVE_INFINITY });
lines.on('line', (line) => parentPort!.postMessage(line));
lines.on('close', endEverything);
