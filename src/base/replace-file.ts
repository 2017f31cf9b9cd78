import { renameSync, rmSync, writeFileSync } from 'node:fs';

/**
 * Puts `text` at `path`, mode 0600, in place of what was there: whole or not at all, for others may
 * read it at any time. Not flushed. @throws the system's errors; then nothing is left behind
 */
export function replaceFile(path: string, text: string): void {
  const draft = `${path}.${process.pid}`;
  try {
    writeFileSync(draft, text, { mode: 0o600 });
    renameSync(draft, path);
  } catch (error) {
    rmSync(draft, { force: true });
    throw error;
  }
}
