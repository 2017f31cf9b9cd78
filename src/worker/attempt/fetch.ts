/** The step that gets what an attempt needs onto its machine; most of it lies there already. */
import { pause, WindrowError } from '#base';
import { blobOf, type InputWay, type PluginInput, stagedFiles } from '#model';
import { backoffMs } from '../backoff.ts';
import { fateOf, isLocal } from '../fate.ts';
import type { CameBy, Wanted } from '../stock.ts';
import { type Attempt, AttemptFault, stopFault, unlessStopped } from './attempt.ts';
import { stageFault } from './stage-fault.ts';

/** A file that keeps arriving damaged or refused by the disk is given up. */
const MOST_TRIES = 3;

/** Undefined when nothing is to be got, so that the usual attempt loses no turn. */
export function fetchInputs(attempt: Attempt): Promise<void> | undefined {
  const { program, job } = attempt.plan;
  if (!program && job.inputs.length === 0) return undefined;
  for (const { sha256 } of wantedBy(attempt)) {
    if (!attempt.workshop.stock.isReady(sha256)) return fetchAll(attempt);
  }
  for (const wanted of wantedBy(attempt)) keep(attempt, wanted, HIT);
  return undefined;
}

/**
 * Links lead to the stock's own files, and modes keep root from nothing: an attempt that may have seen
 * what another wrote has seen something else than it was promised. Its results count for nothing.
 */
export function checkInputs(attempt: Attempt): undefined {
  for (const [sha256, name] of attempt.linked) {
    if (attempt.taken.get(sha256)?.isWhole() !== false) continue;
    attempt.remarks.push(...attempt.workshop.stock.troubles());
    const reason = `The input ${name}, which attempts share, was written to while this one ran; programs that change an input need "writable = true".`;
    throw new AttemptFault('stage-in', reason);
  }
}

/** Lets go of what the attempt held. */
export function releaseInputs(attempt: Attempt): undefined {
  for (const taken of attempt.taken.values()) taken.give();
  attempt.taken.clear();
}

async function fetchAll(attempt: Attempt): Promise<void> {
  for (const wanted of wantedBy(attempt)) {
    keep(attempt, wanted, await obtain(attempt, wanted));
  }
}

interface NamedWanted extends Wanted {
  readonly name: string;
  /** It came from elsewhere, not from the user: the record says how. */
  readonly isTold: boolean;
}

function* wantedBy({ plan, grant }: Attempt): Generator<NamedWanted> {
  const { program, job } = plan;
  if (program) {
    const { sha256, bytes } = program;
    yield { sha256, bytes, executable: true, name: job.programName, isTold: false };
  }
  for (const input of job.inputs) {
    const { from, name } = input;
    if (from.kind === 'files') {
      for (const file of stagedFiles(from, job.columns, grant.cells)) {
        const { blob: sha256, bytes, executable } = file;
        yield { sha256, bytes, executable, name: file.name, isTold: false };
      }
    }
    const blob = blobOf(input);
    if (!blob) continue;
    const executable = from.kind === 'plugin' || (from.kind === 'file' && from.executable);
    const origin = from.kind === 'url' && from.from === 'origin' ? from.url : null;
    const isTold = from.kind === 'url';
    yield { sha256: blob.blob, bytes: blob.bytes, executable, origin, name, isTold };
  }
}

const HIT: CameBy = { how: 'hit', via: '' };

function keep(attempt: Attempt, { sha256, name, bytes, isTold }: NamedWanted, way: CameBy): void {
  const taken = attempt.taken.get(sha256) ?? attempt.workshop.stock.take(sha256);
  attempt.taken.set(sha256, taken);
  const via = way.via || taken.via;
  if (isTold)
    attempt.ways.set(name, {
      ...{ name, bytes, how: way.how, via },
      // The server knows.
      ...{ source: '', into: 'file' },
    });
}

/** Waits until a file lies here: through outages of the server, but not for ever on faults. */
async function obtain(attempt: Attempt, wanted: NamedWanted): Promise<CameBy> {
  const { workshop } = attempt;
  let way = HIT;
  let faults = 0;
  for (let failures = 1; !workshop.stock.isReady(wanted.sha256); failures++) {
    try {
      // Without a connection there is nothing to be tried.
      await unlessStopped(attempt, workshop.link());
      way = await unlessStopped(attempt, workshop.stock.ensure(wanted, workshop.lifetime));
    } catch (error) {
      if (attempt.stopped) throw stopFault(attempt.stopped);
      if (!isPassing(error)) faults++;
      if (faults >= MOST_TRIES || workshop.lifetime.aborted) {
        throw stageFault(`${wanted.name} could not be fetched`, error);
      }
      await pause(backoffMs(failures, workshop.random), attempt.aborter.signal);
    }
  }
  attempt.remarks.push(...workshop.stock.troubles());
  if (attempt.stopped) throw stopFault(attempt.stopped);
  return way;
}

/** The server had a bad moment, or nobody could be reached. */
function isPassing(error: unknown): boolean {
  if (error instanceof WindrowError && error.code.startsWith('DATA_')) {
    return error.code === 'DATA_FETCH_FAILED';
  }
  return fateOf(error) !== 'refused' && fateOf(error) !== 'unwanted' && !isLocal(error);
}

/** Files that the job's own plugins bring, straight into the attempt's directory. */
export type PluginFile = { readonly name: string; readonly from: PluginInput };

export function pluginFiles({ plan }: Attempt): PluginFile[] {
  return plan.job.inputs.flatMap(({ name, from }) =>
    from.kind === 'plugin' ? [{ name, from }] : [],
  );
}

export function noteWay(attempt: Attempt, name: string, into: InputWay['into']): void {
  const known = attempt.ways.get(name);
  if (known) attempt.ways.set(name, { ...known, into });
}
