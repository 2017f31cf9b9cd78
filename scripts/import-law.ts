/**
 * The import law, as data: which room may use which. `scripts/check-imports.ts` keeps it and
 * `scripts/print-docs.ts` prints it into ARCHITECTURE.md.
 */
export interface Room {
  readonly name: string;
  readonly what: string;
  /** Rooms it may import values from, by door. */
  readonly uses: readonly string[];
  /** Rooms it may import only types from. */
  readonly typesOf: readonly string[];
}

const BELOW_WIRE = ['base', 'classad', 'model', 'policy', 'sweep', 'wire'];

export const ROOMS: readonly Room[] = [
  room('base', 'clock, errors, units, log, settings, lifetimes', []),
  room('classad', 'the expression language: text → tree → value. Pure', ['base']),
  room('model', 'nouns and their states: job, task, attempt, cause; their ads', [
    'base',
    'classad',
  ]),
  room('policy', 'what jobs and sites say about the life of tasks: what fires, and why', [
    'base',
    'classad',
    'model',
  ]),
  room('sweep', 'what users write → jobs: sweep files, parameter tables, templates', [
    'base',
    'classad',
    'model',
  ]),
  room('uploads', 'files that come in pieces and are gone on with: tus, both sides; digests', [
    'base',
  ]),
  room('wire', 'what processes say to each other: sync, open protocol, user API, clients', [
    'base',
    'uploads',
    'classad',
    'model',
  ]),
  room('scheduler', 'snapshot in, plan out; match and explain. Pure', ['base', 'classad', 'model']),
  room('store', 'durable memory: one contract; `sqlite/`', ['base', 'model']),
  room('datastore', 'files by key: fetched once, whole or not at all, verified, aged', [
    'base',
    'classad',
    'model',
  ]),
  room('sandbox', 'starting programs and user code; killing all that came of them', [
    'base',
    'model',
  ]),
  room('results', 'segments, validation, collection, logs, statistics', [
    'base',
    'classad',
    'model',
  ]),
  room('certificates', "the site's own authority and its server's certificate", ['base']),
  room('traces', 'trace files: finding, uploading, storing', ['base', 'model', 'uploads', 'wire']),
  room('traps', 'the trap collector: sources, what is kept, its XML-RPC and HTTP face', [
    'base',
    'model',
    'wire',
  ]),
  room('rules', 'what happens → conditions → webhooks and mail', ['base', 'classad', 'model']),
  room('pilots', 'workers onto machines: this one, others by ssh', ['base', 'model']),
  room(
    'worker',
    'the agent: takes attempts, runs them as a pipeline of steps, reports',
    BELOW_WIRE,
    ['datastore', 'sandbox'],
  ),
  room(
    'server',
    'the one writer of truth: reactor, intake, dispatch, recovery, HTTP',
    [...BELOW_WIRE, 'uploads', 'scheduler', 'results'],
    ['store', 'datastore', 'sandbox'],
  ),
  room(
    'cli',
    'one file per command; table and JSON output',
    ['base', 'classad', 'model', 'policy', 'sweep', 'wire', 'traps'],
    ['datastore', 'traces'],
  ),
  room('dashboard', 'the web page, and what serves its files; it speaks only the HTTP API', [
    'base',
    'model',
    'wire',
  ]),
  room('bin', 'composition: the only place where parts are chosen and joined', [
    ...BELOW_WIRE,
    'uploads',
    'scheduler',
    'store',
    'datastore',
    'sandbox',
    'results',
    'certificates',
    'traces',
    'traps',
    'rules',
    'pilots',
    'worker',
    'server',
    'cli',
    'dashboard',
  ]),
];

/** Rooms that touch neither files, nor network, nor processes. */
export const PURE_ROOMS: readonly string[] = ['classad', 'model', 'scheduler'];

/** Built-in modules that only the named rooms may import. */
export const RESERVED_MODULES: Readonly<Record<string, readonly string[]>> = {
  'node:child_process': ['sandbox', 'pilots', 'traces', 'datastore'],
  'node:sqlite': ['store', 'results'],
};

function room(
  name: string,
  what: string,
  uses: readonly string[],
  typesOf: readonly string[] = [],
): Room {
  return { name, what, uses, typesOf };
}
