/**
 * The event log of a job on a server elsewhere, written here while the job is followed. The same event
 * always makes the same text, so what the file has already is known by its text, and a log that was
 * broken off is gone on with.
 */
import { hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { appendFile, mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { createInterface } from 'node:readline';
import { systemCodeOf } from '#base';
import type { EventLogFormat, JobSpec } from '#model';
import type { ApiClient } from '#wire';

const END_OF_EVENT = '...';

export type EventLogWish = Pick<JobSpec, 'axes'> & {
  readonly eventLog: NonNullable<JobSpec['eventLog']>;
};

/** Resolves when the job has ended and all of it is written, or when `signal` says so. */
export async function copyEventLog(
  client: ApiClient,
  job: number,
  wish: EventLogWish,
  signal: AbortSignal,
): Promise<void> {
  const { printTaskEvents } = await import('#wire');
  const { format } = wish.eventLog;
  const pathOf = await pathsOf(wish, job);
  /** Of each file, digests of the events that it had. */
  const known = new Map<string, Set<string>>();
  try {
    const query = { follow: 'yes' } as const;
    const entries = await client.call('readLife', { params: { job }, query, signal });
    for await (const entry of entries) {
      const texts = new Map<string, string>();
      for (const { task, text } of printTaskEvents(entry, format)) {
        const path = pathOf(task);
        const had = known.get(path) ?? (await eventsIn(path, format));
        known.set(path, had);
        if (!had.has(digestOf(text))) texts.set(path, (texts.get(path) ?? '') + text);
      }
      for (const [path, text] of texts) await append(path, text);
    }
    for (const path of known.keys()) await synchronize(path);
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

async function pathsOf({ axes, eventLog }: EventLogWish, job: number) {
  const { logPathOf, openRows } = await import('#sweep');
  if (!eventLog.perTask) {
    const path = logPathOf(eventLog, [], job)([], 0);
    return () => path;
  }
  const rows = openRows(axes, () => {
    throw new Error('the rows of a submit description stand in its job');
  });
  const pathOf = logPathOf(eventLog, rows.columns, job);
  return (task: number) => pathOf(rows.row(task), task);
}

async function append(path: string, text: string): Promise<void> {
  try {
    await appendFile(path, text, { mode: 0o644 });
  } catch (error) {
    if (systemCodeOf(error) !== 'ENOENT') throw error;
    await mkdir(dirname(path), { recursive: true });
    await appendFile(path, text, { mode: 0o644 });
  }
}

async function synchronize(path: string): Promise<void> {
  const file = await open(path, 'a');
  try {
    await file.datasync();
  } finally {
    await file.close();
  }
}

function digestOf(event: string): string {
  return hash('sha1', event, 'base64');
}

/** Digests of the events that a log has; of other files it has nothing to say. */
async function eventsIn(path: string, format: EventLogFormat): Promise<Set<string>> {
  const found = new Set<string>();
  let event = '';
  try {
    for await (const line of createInterface({ input: createReadStream(path) })) {
      event += `${line}\n`;
      if (format === 'htcondor' && line !== END_OF_EVENT) continue;
      found.add(digestOf(event));
      event = '';
    }
  } catch (error) {
    if (systemCodeOf(error) !== 'ENOENT') throw error;
  }
  return found;
}
