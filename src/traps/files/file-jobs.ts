/** What the collector's thread asks of the one that reads files, and what it answers. */
import type { DirectoryList, FileRead } from './bounded-read.ts';
import type { TailCursor, TailRead } from './tail.ts';

/**
 * Of many paths. `isAgain`: the same is asked again and again; then what is as it was with the last
 * such job of its kind is not sent once more, but null.
 */
export interface PathsJob {
  readonly paths: readonly string[];
  readonly isAgain: boolean;
}

export type FileJob =
  | ({ readonly kind: 'read'; readonly mostBytes: number } & PathsJob)
  | ({ readonly kind: 'list'; readonly most: number } & PathsJob)
  /** The cursor counts only where the thread does not follow the file yet. */
  | {
      readonly kind: 'tail';
      readonly path: string;
      readonly cursor: TailCursor | null;
      readonly mostBytes: number;
    };

/** In the order of the job's paths. */
export type FileAnswer =
  | { readonly kind: 'read'; readonly files: readonly (FileRead | null)[] }
  | { readonly kind: 'list'; readonly files: readonly (DirectoryList | null)[] }
  | { readonly kind: 'tail'; readonly read: TailRead };

/** The thread's progress while it is at no file: not yet begun, or done with the job. */
export const AT_NONE = -1;
