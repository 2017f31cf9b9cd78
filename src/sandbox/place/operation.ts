/** What is done to the directories of an attempt. */
export type PlaceOperation =
  /** A new directory; undone with all that is in it. */
  | {
      readonly part: 'place';
      readonly do: 'make-directory';
      readonly path: string;
      readonly mode: number;
      readonly uid: number;
      readonly gid: number;
    }
  /** What was staged becomes the job's; undone so that the worker can read it again. */
  | {
      readonly part: 'place';
      readonly do: 'own';
      readonly path: string;
      readonly uid: number;
      readonly gid: number;
    };
