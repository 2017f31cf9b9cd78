/**
 * The event log of a job on a server elsewhere, written here while the job is followed. The same event
 * always makes the same text, so what the file has already is known by its text, and a log that was
 * broken off is gone on with.
 */
import { hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { systemCodeOf } from '#base';
import type { EventLogFormat } from '#model';
import type { ApiClient } from '#wire';

const END_OF_EVENT = '...';

export interface EventLogWish {
  /** Absolute; `${:job}` stands for the job's number. */
  readonly path: string;
  readonly format: EventLogFormat;
}

/** Resolves when the job has ended and all of it is written, or when `signal` says so. */
export async function copyEventLog(
  client: ApiClient,
  job: number,
  { path: template, format }: EventLogWish,
  signal: AbortSignal,
): Promise<void> {
  const { printEvents } = await import('#wire');
  const path = template.replaceAll('${:job}', String(job));
  const known = await eventsIn(path, format);
  const file = await open(path, 'a', 0o644);
  try {
    const query = { follow: 'yes' } as const;
    const entries = await client.call('readLife', { params: { job }, query, signal });
    for await (const entry of entries) {
      const texts = [...printEvents(entry, format)].filter((text) => !known.has(digestOf(text)));
      if (texts.length > 0) await file.appendFile(texts.join(''));
    }
    await file.datasync();
  } catch (error) {
    if (!signal.aborted) throw error;
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
