/** The last step: what does not travel inside the sync is uploaded before the end is reported. */
import { closeSync, writeFileSync } from 'node:fs';
import { messageOf, pause } from '#base';
import { digestFile, type SentPart } from '#wire';
import { backoffMs } from '../backoff.ts';
import { type Fate, fateOf, isLocal } from '../fate.ts';
import { type Attempt, AttemptFault, spoolPath, unlessStopped } from './attempt.ts';
import { chooseInline, inlinePart, type OutgoingPart } from './parts.ts';
import { SUPERSEDED } from './verdict.ts';

const MOST_DELAY_MS = 5000;
/** A full disk on the server is not emptied in seconds. */
const MOST_DELAY_WHEN_FULL_MS = 30_000;
const MOST_REFUSALS = 3;

/** Undefined when everything travels inside the sync. */
export function deliverParts(attempt: Attempt): Promise<void> | undefined {
  const inline = chooseInline(attempt.outgoing);
  if (!inline.includes(false)) {
    attempt.parts = attempt.outgoing.map((part) => inlinePart(part, memoryOf(part)));
    return undefined;
  }
  attempt.workshop.onUpload();
  return deliverAll(attempt, inline);
}

function memoryOf(part: OutgoingPart): Buffer {
  if (part.content.kind === 'memory') return part.content.bytes;
  throw new TypeError('only parts in memory travel inline');
}

async function deliverAll(attempt: Attempt, inline: readonly boolean[]): Promise<void> {
  const sent: SentPart[] = [];
  try {
    for (const [index, part] of attempt.outgoing.entries()) {
      sent.push(
        inline[index] ? inlinePart(part, memoryOf(part)) : await uploadPart(attempt, part, index),
      );
    }
  } catch (error) {
    const { cause, reason } = verdictOfFault(attempt, error);
    // A program's own fault tells more than that its log could not be sent.
    attempt.verdict =
      attempt.verdict && cause === 'stage-out' ? attempt.verdict : { cause, reason };
  }
  // Without its results an end counts for nothing, but its logs help whoever asks why.
  attempt.parts = attempt.verdict ? sent.filter((part) => part.kind === 'log') : sent;
}

function verdictOfFault(attempt: Attempt, error: unknown) {
  if (attempt.stopped) return attempt.stopped;
  if (error instanceof AttemptFault) return error.verdict;
  const reason = `Results could not be sent to the server: ${messageOf(error)}.`;
  return { cause: 'stage-out', reason } as const;
}

async function uploadPart(attempt: Attempt, part: OutgoingPart, index: number): Promise<SentPart> {
  const { name, kind, file, cutBytes, bytes } = part;
  const source = openSource(attempt, part, index);
  try {
    const sha256 = source.sha256 ?? (await digestFile(source.path)).sha256;
    await upload(attempt, index, source.path, { bytes, sha256 });
    return { name, kind, file, cutBytes, uploaded: index, bytes, sha256 };
  } finally {
    source.close();
  }
}

interface Source {
  readonly path: string;
  readonly sha256: string | undefined;
  close(): void;
}

function openSource(attempt: Attempt, part: OutgoingPart, index: number): Source {
  const { content } = part;
  if (content.kind === 'path') {
    return { path: content.path, sha256: content.sha256, close: () => {} };
  }
  if (content.kind === 'memory') {
    const path = spoolPath(attempt, `part-${index}`);
    writeFileSync(path, content.bytes, { mode: 0o600, flag: 'wx' });
    return { path, sha256: undefined, close: () => {} };
  }
  // Opened once and named by its descriptor, so that what was checked is what is sent.
  const fd = content.open();
  return { path: `/proc/self/fd/${fd}`, sha256: undefined, close: () => closeSync(fd) };
}

/** Repeats until the server has it, does not want it, or refuses it for good. */
async function upload(
  attempt: Attempt,
  index: number,
  path: string,
  expected: { bytes: number; sha256: string },
): Promise<void> {
  const { workshop, grant, aborter } = attempt;
  const { signal } = aborter;
  let refusals = 0;
  for (let failures = 1; !signal.aborted; failures++) {
    try {
      const link = await unlessStopped(attempt, workshop.link());
      await link.uploadPart(grant.ticket, index, path, expected, { signal });
      return;
    } catch (error) {
      if (workshop.lifetime.aborted || isLocal(error)) throw error;
      const fate = fateOf(error);
      if (fate === 'unwanted') throw unwanted();
      if (fate === 'refused' && ++refusals >= MOST_REFUSALS) throw error;
      await pause(delayMs(fate, failures, workshop.random), signal);
    }
  }
  throw new AttemptFault('cancelled', '');
}

function delayMs(fate: Fate, failures: number, random: () => number): number {
  return backoffMs(failures, random, fate === 'full' ? MOST_DELAY_WHEN_FULL_MS : MOST_DELAY_MS);
}

function unwanted(): AttemptFault {
  return new AttemptFault(SUPERSEDED.cause, SUPERSEDED.reason);
}
