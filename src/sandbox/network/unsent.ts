/**
 * What a program has written to a connection before it ended is still on its way; on a machine's own
 * network the kernel would deliver it. A namespace takes it along, so its end waits a little.
 */
import { setTimeout as pause } from 'node:timers/promises';
import type { RunTool } from '../tool.ts';

const LOOK_MS = 20;
/** A peer that takes nothing for so long is not waited for. */
const MOST_MS = 5000;
/** Closed by the program, not yet confirmed by the peer. */
const CLOSING = ['fin-wait-1', 'closing', 'last-ack'];

/** Resolves when every connection of the namespace has delivered its bytes, or after 5 s. */
export async function untilSent(namespace: string, runTool: RunTool): Promise<void> {
  for (let waitedMs = 0; waitedMs < MOST_MS; waitedMs += LOOK_MS) {
    if (!(await hasUnsent(namespace, runTool))) return;
    await pause(LOOK_MS);
  }
}

async function hasUnsent(namespace: string, runTool: RunTool): Promise<boolean> {
  const states = CLOSING.flatMap((state) => ['state', state]);
  const { stdout } = await runTool(['ss', '-N', namespace, '-Htan', ...states]);
  // State, received and unread, sent and not yet confirmed, …; ss(8).
  return stdout.split('\n').some((line) => Number(line.trim().split(/\s+/)[2]) > 0);
}
