/** One small file for each upload that was begun: the address at which it can be gone on with. */
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { PreviousUpload, UrlStorage } from 'tus-js-client';

export class BegunUploads implements UrlStorage {
  readonly #directory: string;

  constructor(directory: string) {
    this.#directory = directory;
  }

  async findAllUploads(): Promise<PreviousUpload[]> {
    return [];
  }

  async findUploadsByFingerprint(fingerprint: string): Promise<PreviousUpload[]> {
    try {
      const text = await readFile(this.#pathOf(fingerprint), 'utf8');
      return [{ ...(JSON.parse(text) as PreviousUpload), urlStorageKey: fingerprint }];
    } catch {
      return [];
    }
  }

  async removeUpload(key: string): Promise<void> {
    await rm(this.#pathOf(key), { force: true });
  }

  async addUpload(fingerprint: string, upload: PreviousUpload): Promise<string> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    const draft = `${this.#pathOf(fingerprint)}.${process.pid}`;
    await writeFile(draft, JSON.stringify(upload), { mode: 0o600 });
    await rename(draft, this.#pathOf(fingerprint));
    return fingerprint;
  }

  #pathOf(fingerprint: string): string {
    return join(this.#directory, `${fingerprint}.json`);
  }
}
