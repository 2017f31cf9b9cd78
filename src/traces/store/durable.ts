/** Files that are whole under their final name, also after a power failure. */
import { link, open, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { syncDirectory, systemCodeOf } from '#base';

/**
 * Writes a small file that appears whole under a name that nobody has. Returns false where somebody
 * has it. `unique` keeps the drafts of several writers apart.
 */
export async function writeNew(path: string, text: string, unique: string): Promise<boolean> {
  const draft = join(dirname(path), `.${unique}`);
  try {
    const file = await open(draft, 'wx', 0o600);
    try {
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await link(draft, path);
    await syncDirectory(dirname(path));
    return true;
  } catch (error) {
    if (systemCodeOf(error) === 'EEXIST') return false;
    throw error;
  } finally {
    await rm(draft, { force: true });
  }
}
