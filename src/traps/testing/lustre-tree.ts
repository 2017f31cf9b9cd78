/** A Lustre tree on disk, as a node of Lustre 2.10 shows it, for the test to change. */
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';

const RECORDED = JSON.parse(
  readFileSync(new URL('./lustre-2.10.json', import.meta.url), 'utf8'),
) as { readonly files: Readonly<Record<string, string>> };

export class LustreTree {
  readonly root = mkdtempSync(join(tmpdir(), 'windrow-lustre-'));

  constructor() {
    for (const [path, text] of Object.entries(RECORDED.files)) this.write(path, text);
  }

  path(path: string): string {
    return join(this.root, path);
  }

  write(path: string, text: string | Buffer): void {
    mkdirSync(dirname(this.path(path)), { recursive: true });
    writeFileSync(this.path(path), text);
  }

  read(path: string): string {
    return readFileSync(this.path(path), 'utf8');
  }

  /** A file, or a directory with all that is in it. */
  remove(path: string): void {
    rmSync(this.path(path), { recursive: true, force: true });
  }

  /** Sets the state of an import, adding to its history as the kernel does, sixteen lines at most. */
  changeImport(
    path: string,
    changes: readonly (readonly [seconds: number, state: string])[],
  ): void {
    const old = this.read(path).split('\n').slice(2, -1);
    const lines = changes.map(([seconds, state]) => ` - [ ${seconds}, ${state} ]`);
    const history = [...old, ...lines].slice(-16).join('\n');
    this.write(path, `current_state: ${changes.at(-1)![1]}\nstate_history:\n${history}\n`);
  }

  close(): void {
    rmSync(this.root, { recursive: true, force: true });
  }
}

/** What LNet says of two of them that are well. */
export const PEERS = `nid                      refs state  last   max   rtr   min    tx   min queue
10.0.0.1@tcp                4    NA    -1     8     8     8     8     6 0
10.0.0.2@tcp                1    up    12     8     8     8     8     6 0
`;
