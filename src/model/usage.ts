/** Figures of an attempt besides its wall time; each has a source of its own. */
export const FIGURES = [
  'cpuUserMs',
  'cpuSystemMs',
  /** The most memory at once, page cache left out. */
  'memoryPeakBytes',
  /** Read from and written to disks, not to pipes, sockets or the page cache. */
  'ioReadBytes',
  'ioWriteBytes',
  /** Voluntary and involuntary together. */
  'contextSwitches',
  /** The most processes and threads at once. */
  'tasksPeak',
  /** The most space taken in the scratch directory. */
  'diskBytes',
] as const;
export type Figure = (typeof FIGURES)[number];

/**
 * Where a figure comes from: the kernel's account of the attempt's control group, or of processes
 * that were waited for (getrusage(2)), or looks at the running processes, which miss what happens
 * between two of them.
 */
export const USAGE_SOURCES = ['none', 'rusage', 'sampled', 'cgroup-v1', 'cgroup-v2'] as const;
export type UsageSource = (typeof USAGE_SOURCES)[number];

/**
 * Bytes that passed the rules of an attempt's network, by the comments of the rules, e.g.
 * `OutgoingExternal`; as an attribute of the attempt `NetworkOutgoingExternal`.
 */
export type NetworkBytes = Readonly<Record<string, number>>;

/** Of one attempt; a name has letters, digits and `_`. */
export const NETWORK_LIMITS = { figures: 64, nameCharacters: 64 } as const;

/** What an attempt used. A figure that was not measured is null, never a guess. */
export type Usage = {
  readonly wallMs: number;
  /** The source of each figure in the order of `FIGURES`, a letter each: ten million attempts keep it. */
  readonly sources: string;
  /** Null where nobody counted. */
  readonly network: NetworkBytes | null;
} & { readonly [Name in Figure]: number | null };

export interface Measured {
  readonly source: UsageSource;
  readonly figures: Readonly<Partial<Record<Figure, number | null>>>;
  readonly network?: NetworkBytes;
}

const LETTERS: Readonly<Record<UsageSource, string>> = {
  none: '-',
  rusage: 'r',
  sampled: 's',
  'cgroup-v1': '1',
  'cgroup-v2': '2',
};
const BY_LETTER = new Map(USAGE_SOURCES.map((source) => [LETTERS[source], source]));

/** Puts together what was measured; of one figure the later measurement counts. */
export function usageOf(wallMs: number, ...measured: readonly Measured[]): Usage {
  const figures = {} as Record<Figure, number | null>;
  let sources = '';
  for (const name of FIGURES) {
    const best = measured.findLast((one) => one.figures[name] != null);
    figures[name] = best?.figures[name] ?? null;
    sources += LETTERS[best?.source ?? 'none'];
  }
  const network = measured.findLast((one) => one.network)?.network ?? null;
  return { wallMs, ...figures, sources, network };
}

/** The dash is the first of the letters, where it means itself. */
const SOURCES = new RegExp(`^[${Object.values(LETTERS).join('')}]{${FIGURES.length}}$`);

/** Whether `sources` is one of a usage: it may come from outside. */
export function areSources(sources: string): boolean {
  return SOURCES.test(sources);
}

export function sourceOf(usage: Pick<Usage, 'sources'>, figure: Figure): UsageSource {
  return BY_LETTER.get(usage.sources[FIGURES.indexOf(figure)] ?? '-') ?? 'none';
}
