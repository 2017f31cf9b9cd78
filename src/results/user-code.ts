import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { access, constants } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { messageOf } from '#base';
import { compileExpression } from '#classad';
import type { UserCode } from '#model';
import { resultsErrors } from './errors.ts';
import type { UserCodePorts } from './port.ts';
import { UserCodeProcess } from './user-code-process.ts';

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

/**
 * Loads a module as it will be loaded, in a process that ends with this, and makes sure that it can
 * be called; an executable has to be there, and an expression to be one. Errors: those of
 * `requireUserCode`, `CODE_UNUSABLE`, `CLASSAD_SYNTAX_WRONG`, `CLASSAD_TOO_LARGE`.
 */
export async function checkUserCode(
  what: 'validator' | 'collector',
  code: UserCode,
  memoryBytes: number,
  ports: UserCodePorts,
): Promise<void> {
  if (code.kind === 'expression' && what === 'validator') {
    compileExpression(code.text);
    return;
  }
  const kinds = what === 'validator' ? (['module', 'executable'] as const) : (['module'] as const);
  const { kind, path: module } = await requireUserCode(what, code, kinds);
  if (kind !== 'module') return;
  const mode = what === 'validator' ? 'validate' : 'collect';
  const tried = new UserCodeProcess({ mode, module, timeoutMs: 0, memoryBytes }, ports);
  try {
    const reason = await tried.loaded();
    if (reason === null) return;
    throw resultsErrors.create('CODE_UNUSABLE', { what, file: module, reason });
  } finally {
    await tried.close();
  }
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
