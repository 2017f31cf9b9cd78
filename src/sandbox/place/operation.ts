/** What is done to the directories of an attempt. */
export type PlaceOperation =
  /** A new directory, 0700; undone with all that is in it. */
  | {
      readonly part: 'place';
      readonly do: 'make-directory';
      readonly path: string;
      readonly uid: number;
      readonly gid: number;
    }
  /**
   * The folder of such directories, in which those that programs leave untouched wait for the next
   * attempt; undone with all of them.
   */
  | { readonly part: 'place'; readonly do: 'keep-directories'; readonly path: string }
  /** What was staged becomes the job's; undone so that the worker can read it again. */
  | {
      readonly part: 'place';
      readonly do: 'own';
      readonly path: string;
      readonly uid: number;
      readonly gid: number;
    };
