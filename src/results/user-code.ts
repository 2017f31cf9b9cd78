import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { access, constants } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { messageOf } from '#base';
import type { UserCode } from '#model';
import { resultsErrors } from './errors.ts';

export type RunnableCode = Extract<UserCode, { kind: 'module' | 'executable' }>;

/**
 * Makes sure that the code is there and is what was submitted. Errors: `CODE_UNSUPPORTED`,
 * `CODE_UNREADABLE`, `CODE_CHANGED`.
 */
export async function requireUserCode(
  what: 'validator' | 'collector',
  code: UserCode,
  kinds: readonly UserCode['kind'][],
): Promise<RunnableCode> {
  if (code.kind === 'expression' || !kinds.includes(code.kind)) {
    throw resultsErrors.create('CODE_UNSUPPORTED', { what, kind: code.kind });
  }
  const found = await digestOf(what, code);
  if (found !== code.sha256) {
    throw resultsErrors.create('CODE_CHANGED', { what, file: code.path, found });
  }
  return code;
}

async function digestOf(what: string, code: RunnableCode): Promise<string> {
  const digest = createHash('sha256');
  try {
    if (code.kind === 'executable') await access(code.path, constants.X_OK);
    await pipeline(createReadStream(code.path), digest);
    return digest.digest('hex');
  } catch (cause) {
    const facts = { what, file: code.path, reason: messageOf(cause) };
    throw resultsErrors.create('CODE_UNREADABLE', facts, { cause });
  }
}
