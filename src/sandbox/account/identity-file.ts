/**
 * The table of identities of a machine (`#model` identity.ts) as a file that may change while it is
 * used. A change that cannot be used leaves the table as it was, and is complained of once.
 */
import { closeSync, fstatSync, openSync, readFileSync, type Stats } from 'node:fs';
import { messageOf, type WindrowError } from '#base';
import {
  decideIdentity,
  type IdentityDecision,
  type IdentityTable,
  parseIdentityTable,
} from '#model';
import { sandboxErrors } from '../errors.ts';

export interface IdentityFileOptions {
  /** Absolute. */
  readonly path: string;
  /** Host name of this machine. */
  readonly machine: string;
  /** Who reads it; besides root nobody else may have written it. */
  readonly uid: number;
  readonly monotonic: () => number;
  readonly complain: (error: WindrowError) => void;
}

/** A change shows after this at the latest. */
const LOOK_MS = 1000;

export class IdentityFile {
  readonly #options: IdentityFileOptions;
  #table: IdentityTable | null = null;
  #lookedMs = Number.NEGATIVE_INFINITY;
  /** Of what was read last, whether it could be used or not. */
  #version = '';
  #fault: WindrowError | null = null;

  constructor(options: IdentityFileOptions) {
    this.#options = options;
  }

  /** Throws IDENTITY_TABLE_UNUSABLE when there has never been a table that could be used. */
  decide(name: string): IdentityDecision {
    this.#look();
    if (this.#table === null) throw this.#fault;
    return decideIdentity(this.#table, name, this.#options.machine);
  }

  #look(): void {
    const nowMs = this.#options.monotonic();
    if (nowMs - this.#lookedMs < LOOK_MS) return;
    this.#lookedMs = nowMs;
    try {
      this.#read();
    } catch (error) {
      this.#onFault(error);
    }
  }

  #read(): void {
    const file = openSync(this.#options.path, 'r');
    try {
      const found = fstatSync(file);
      const version = [found.ino, found.size, found.mtimeMs, found.ctimeMs].join(' ');
      if (version === this.#version) return;
      this.#version = version;
      demandTrust(found, this.#options.uid);
      const parsed = parseIdentityTable(readFileSync(file, 'utf8'));
      if ('problems' in parsed) throw new Error(parsed.problems.slice(0, 5).join('; '));
      this.#table = parsed.table;
      this.#fault = null;
    } finally {
      closeSync(file);
    }
  }

  #onFault(error: unknown): void {
    const facts = { file: this.#options.path, why: messageOf(error) };
    const fault = sandboxErrors.create('IDENTITY_TABLE_UNUSABLE', facts);
    const isNew = fault.message !== this.#fault?.message;
    this.#fault = fault;
    if (isNew) this.#options.complain(fault);
  }
}

/** Whoever can write the table can be anybody. */
function demandTrust({ uid, mode }: Stats, reader: number): void {
  if (uid !== 0 && uid !== reader) {
    throw new Error(`it belongs to user ${uid}, neither to root nor to the worker`);
  }
  if ((mode & 0o022) !== 0) throw new Error('others than its owner may write it');
}
