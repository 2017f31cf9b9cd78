/** What the collector's thread asks of the one that reads files, and what it answers. */
import type { DirectoryList, FileRead } from './bounded-read.ts';
import type { TailCursor, TailRead } from './tail.ts';

export type FileJob =
  | { readonly kind: 'read'; readonly paths: readonly string[]; readonly mostBytes: number }
  | { readonly kind: 'list'; readonly paths: readonly string[]; readonly most: number }
  /** The cursor counts only where the thread does not follow the file yet. */
  | {
      readonly kind: 'tail';
      readonly path: string;
      readonly cursor: TailCursor | null;
      readonly mostBytes: number;
    };

/** In the order of the job's paths. */
export type FileAnswer =
  | { readonly kind: 'read'; readonly files: readonly FileRead[] }
  | { readonly kind: 'list'; readonly files: readonly DirectoryList[] }
  | { readonly kind: 'tail'; readonly read: TailRead };
