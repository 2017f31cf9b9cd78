/** Builds variants of the launcher for tests. */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const folder = fileURLToPath(new URL('../../launcher', import.meta.url));

/** Compiles with `flags` into `target`; null when it worked, else what the compiler said. */
export function buildLauncher(target: string, flags: readonly string[]): string | null {
  const sources = readdirSync(folder).filter((name) => name.endsWith('.c'));
  const paths = sources.map((name) => join(folder, name));
  const result = spawnSync('cc', ['-std=gnu11', ...flags, '-o', target, ...paths]);
  if (result.error) return result.error.message;
  return result.status === 0 ? null : result.stderr.toString();
}
