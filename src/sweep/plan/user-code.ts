import { resolve } from 'node:path';
import { WindrowError } from '#base';
import type { Collection, UserCode } from '#model';
import { expressionProblems } from '../check/check-matching.ts';
import { planErrors } from '../errors.ts';
import { describeOrigin, type Origin } from '../template/origin.ts';
import type { PlannedBlob, SweepDraft } from './draft.ts';
import { readFileFacts } from './file-digests.ts';

const MODULE = /\.(?:ts|mts|js|mjs|cjs)$/;

/**
 * The validator: a module by its suffix, any other file as an executable, or an expression. Its
 * file is added to `blobs`: the server may not be able to read it in place.
 */
export async function planValidator(
  draft: SweepDraft,
  blobs: PlannedBlob[],
): Promise<UserCode | null> {
  const { validate } = draft.document;
  if (validate === undefined) return null;
  if (typeof validate !== 'string') {
    // Said now rather than as the verdict of every task.
    const origin = draft.findOrigin(['validate']);
    const [problem] = expressionProblems(validate.expression, origin);
    if (problem) throw problem;
    return { kind: 'expression', text: validate.expression };
  }
  return readCode(draft, validate, draft.findOrigin(['validate']), blobs);
}

/** How results are collected; the file of a module is added to `blobs`. */
export async function planCollection(draft: SweepDraft, blobs: PlannedBlob[]): Promise<Collection> {
  const { collect = 'concat' } = draft.document;
  if (typeof collect !== 'string') return { kind: 'table', formats: [...new Set(collect.formats)] };
  if (collect === 'table') return { kind: 'table', formats: ['csv'] };
  if (collect === 'concat' || collect === 'blockwise' || collect === 'none')
    return { kind: collect };
  const origin = draft.findOrigin(['collect']);
  const code = await readCode(draft, collect, origin, blobs);
  if (code.kind === 'module') return { kind: 'module', code };
  const expected = 'a module (.ts, .mts, .js, .mjs, .cjs)';
  const facts = { where: describeOrigin(origin), found: JSON.stringify(collect), expected };
  throw planErrors.create('SWEEP_BAD_VALUE', facts);
}

async function readCode(
  draft: SweepDraft,
  written: string,
  origin: Origin,
  blobs: PlannedBlob[],
): Promise<UserCode> {
  const path = resolve(draft.base, written);
  const facts = await readFileFacts(path);
  const where = describeOrigin(origin);
  if ('trouble' in facts) {
    const found = facts.trouble;
    throw planErrors.create('SWEEP_FILE_MISSING', {
      where,
      path: written,
      found,
      base: draft.base,
    });
  }
  const { sha256, bytes, executable } = facts;
  const kind = MODULE.test(path) ? 'module' : 'executable';
  if (kind === 'module' || executable) {
    blobs.push({ path, sha256, bytes, executable });
    return { kind, path, sha256 };
  }
  const found = 'its execute bit is not set';
  const advice = `chmod +x ${written}`;
  throw planErrors.create('PROGRAM_NOT_EXECUTABLE', { where, path: written, found, advice });
}

/** Runs `make`; an error for users is kept in `problems` and undefined returned. */
export async function orProblem<T>(
  problems: WindrowError[],
  make: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await make();
  } catch (error) {
    if (!(error instanceof WindrowError)) throw error;
    problems.push(error);
    return undefined;
  }
}
