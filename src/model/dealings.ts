/** How a job's tasks deal with the outside, besides the results that they leave. */

/** Where the results of each task are put on the machine that they were submitted from. */
export interface Placement {
  /** By the result's name. */
  readonly files: readonly PlacedResult[];
}

export interface PlacedResult {
  readonly result: string;
  /** A template: the path inside the attempt's directory; `''`: all there is. */
  readonly from: string;
  /** A template of an absolute path. What lies below `from` goes below it. */
  readonly to: string;
}

/** What the programs of a job may ask of the worker while they run. */
export interface ChirpWish {
  /** Files of the attempt's directory, and attributes that are set at once. */
  readonly io: boolean;
  /** Attributes `Chirp…`, sent with the worker's next report. */
  readonly delayed: boolean;
}

export interface Dealings {
  /** Null: results are only collected. */
  readonly place: Placement | null;
  readonly chirp: ChirpWish;
  /** What of the machine stands in its command and environment, each as it was written: see MachineValue. */
  readonly machineValues: readonly string[];
}

export const NO_DEALINGS: Dealings = {
  place: null,
  chirp: { io: false, delayed: false },
  machineValues: [],
};
