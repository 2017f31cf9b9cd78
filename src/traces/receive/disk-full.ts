import { tracesErrors } from '../errors.ts';

/** @param keepMs for how long what came so far is kept */
export function diskFull(keepMs: number, cause: unknown): Error {
  const kept = `${Math.round(keepMs / 86_400_000)} d`;
  return tracesErrors.create('TRACE_DISK_FULL', { kept }, { cause });
}
