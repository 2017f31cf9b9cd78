/** Traps: reports that something happened on a node, or that something holds there. */

export const TRAP_CATEGORIES = ['info', 'warning', 'critical', 'fatal'] as const;
/** Index into `TRAP_CATEGORIES`; more is worse. */
export type TrapCategory = 0 | 1 | 2 | 3;

/** The category of a word like `critical`; undefined when it is none. */
export function trapCategoryOf(word: string | undefined): TrapCategory | undefined {
  const index = (TRAP_CATEGORIES as readonly (string | undefined)[]).indexOf(word?.toLowerCase());
  return index < 0 ? undefined : (index as TrapCategory);
}

/** `raise`: a condition holds from now on. `clear`: it is over. `event`: it happened, no more. */
export type TrapKind = 'raise' | 'clear' | 'event';

export interface Trap {
  /** The same in every collector that heard of it. */
  readonly id: string;
  readonly node: string;
  /** `''`: it belongs to none. */
  readonly fileSystem: string;
  readonly category: TrapCategory;
  /** As it came; it may hold any character. */
  readonly message: string;
  readonly kind: TrapKind;
  /** What a raise and its clear have in common; `''` for an event. */
  readonly condition: string;
  /** Which way it came: `file`, `lustre`, `http`, `syslog` … */
  readonly source: string;
  /** By the clock of its source. */
  readonly atMs: number;
}

export interface Acknowledgement {
  readonly by: string;
  readonly comment: string;
  readonly atMs: number;
}

/** A trap as a collector remembers it. */
export interface TrapRecord extends Trap {
  /** Monitors pass it back to get what came after it. */
  readonly mark: number;
  /** By the collector's clock. */
  readonly receivedAtMs: number;
  /** Repeats are folded into the first. */
  readonly count: number;
  readonly lastAtMs: number;
  /** What it weighs against others when room is scarce; a clear weighs as what it ended. */
  readonly weight: TrapCategory;
  readonly over: { readonly by: 'clear' | 'newer'; readonly atMs: number } | null;
  readonly acknowledged: Acknowledgement | null;
  /** Id of the silence that hides it, or null. */
  readonly silence: string | null;
}

/** Hides traps from monitors until it ends. A part that is `''` or null fits every trap. */
export interface Silence {
  readonly id: string;
  /** With `*` and `?`. */
  readonly node: string;
  readonly fileSystem: string;
  /** With `*` and `?`; of the message. */
  readonly message: string;
  /** Only traps up to this one. */
  readonly categoryMost: TrapCategory;
  readonly endsAtMs: number;
  readonly by: string;
  readonly reason: string;
  readonly createdAtMs: number;
}

/** Of the message of a trap that monitors cannot have any more, in UTF-16 units. */
export const PAST_MESSAGE_MOST = 4096;

/**
 * `kept`: monitors can have it, so it must be there after a restart. `waiting`: it holds and gave
 * way; it is told again when there is room. `past`: only the history has it.
 */
export type TrapPlace = 'kept' | 'waiting' | 'past';

/** What changes in a collector's memory. */
export type TrapChange =
  /** Added, or changed. */
  | { readonly kind: 'trap'; readonly trap: TrapRecord; readonly place: TrapPlace }
  | { readonly kind: 'silence'; readonly silence: Silence }
  | { readonly kind: 'silence-ended'; readonly id: string }
  /** Marks up to this one may have been given out: a later life begins behind it. */
  | { readonly kind: 'mark'; readonly mark: number }
  /** How far a source has come. */
  | { readonly kind: 'cursor'; readonly name: string; readonly text: string };

/** What a collector begins with after a restart. */
export interface RememberedTraps {
  /** The kept ones in the order of their marks. */
  readonly traps: readonly TrapRecord[];
  /** Those that wait for room, in the order in which they were first told. */
  readonly waiting: readonly TrapRecord[];
  /** Of the latest traps, kept or not, so that none of them is taken for new. */
  readonly ids: readonly string[];
  readonly silences: readonly Silence[];
  /** 0: none was given out. */
  readonly mark: number;
  readonly cursors: ReadonlyMap<string, string>;
}
