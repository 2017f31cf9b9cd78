/** What the last stage says through descriptor 3 (launcher/inside.h), for the starter without launcher. */
import type { Readable } from 'node:stream';
import { errnoName, type StartStage } from './start-failure.ts';

const RECORD_BYTES = 16;
/** A last stage writes two records at most; more comes from nobody we know. */
const MOST_BYTES = 4 * RECORD_BYTES;
const KIND = { begun: 1, failed: 2, ended: 3 } as const;

/** A begun record, as printf(1) writes it. */
export const BEGUN = `\\001${'\\000'.repeat(RECORD_BYTES - 1)}`;

export interface StageReport {
  /** Null: it began, and nothing of it failed. */
  readonly fault: { readonly stage: StartStage; readonly code: string } | null;
  /** How the program ended, where the last stage outlived it. */
  readonly end: {
    readonly exitCode: number | null;
    /** Number of the signal. */
    readonly signal: number | null;
    readonly strays: number;
  } | null;
}

/** `enum stage` of launcher/child.h. */
export const STAGES: Readonly<Record<number, StartStage | 'withdrawn'>> = {
  1: 'process',
  2: 'stdin',
  3: 'directory',
  4: 'exec',
  5: 'withdrawn',
  16: 'cgroup',
  17: 'namespace',
  18: 'file',
  19: 'walls',
  20: 'options',
  21: 'limit',
  22: 'keys',
  23: 'account',
  24: 'privileges',
  25: 'filter',
  26: 'place',
};

/** Collects from `output` what was said; call the result when the program is gone. */
export function listenToStage(output: Readable): () => StageReport {
  const pieces: Buffer[] = [];
  let bytes = 0;
  output.on('error', () => {});
  output.on('data', (piece: Buffer) => {
    bytes += piece.length;
    if (bytes <= MOST_BYTES) pieces.push(piece);
  });
  return () => readReport(Buffer.concat(pieces));
}

function readReport(bytes: Buffer): StageReport {
  let fault: StageReport['fault'] = { stage: 'walls', code: 'E0' };
  let end: StageReport['end'] = null;
  for (let at = 0; at + RECORD_BYTES <= bytes.length; at += RECORD_BYTES) {
    const [kind, stage, value, strays] = [0, 4, 8, 12].map((part) => bytes.readUInt32LE(at + part));
    if (kind === KIND.begun) fault = null;
    if (kind === KIND.ended) end = endOf(value!, strays!);
    if (kind === KIND.failed) {
      const name = STAGES[stage!] ?? 'walls';
      return {
        fault: { stage: name === 'withdrawn' ? 'walls' : name, code: errnoName(value!) },
        end,
      };
    }
  }
  return { fault, end };
}

/** A wait status as wait(2) gives it on Linux. */
function endOf(status: number, strays: number): NonNullable<StageReport['end']> {
  const signal = status & 0x7f;
  return signal === 0
    ? { exitCode: (status >> 8) & 0xff, signal: null, strays }
    : { exitCode: null, signal, strays };
}
