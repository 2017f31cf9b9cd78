/** The procs of a description: each `queue` and row, with its commands' macros expanded. */
import { commandOf } from './commands.ts';
import { JOB_MARK, MacroFault, PROCESS_MARK, rowMark, type Scope } from './macro-scope.ts';
import { expandMacros } from './macros.ts';
import type { QueueBlock, Setting, SubmitWorld } from './read-submit.ts';

export interface Proc {
  /** Counted from 0 over the whole description. */
  readonly process: number;
  readonly block: QueueBlock;
  /** What `$(Process)`, `$(Item)` … are for it, by the names that people know. */
  readonly variables: ReadonlyMap<string, string>;
  /** Commands and attributes (`my.name`), expanded. */
  readonly texts: ReadonlyMap<string, string>;
}

export interface ExpandedProcs {
  readonly procs: readonly Proc[];
  /** The first fault of each setting. */
  readonly faults: ReadonlyMap<Setting, string>;
  /** Names that macros looked at. */
  readonly used: ReadonlySet<string>;
}

/** A text that is the same for all procs of its block is expanded once. */
interface Known {
  readonly setting: Setting;
  readonly text: string | null;
}

export function expandProcs(blocks: readonly QueueBlock[], world: SubmitWorld): ExpandedProcs {
  const procs: Proc[] = [];
  const faults = new Map<Setting, string>();
  const used = new Set<string>();
  const all: Expanding = { world, faults, used, isOpen: false };
  for (const block of blocks) {
    const automatic = new Map(Object.entries(world.automatic));
    const settings = new Map([...block.settings].map(([name, { value }]) => [name, value]));
    const known = new Map<string, Known>();
    block.rows.forEach((row, rowNumber) => {
      for (let step = 0; step < block.count; step++) {
        const variables = variablesOf(block, row, { process: procs.length, step, rowNumber });
        const lower = new Map(automatic);
        for (const [name, value] of variables) lower.set(name.toLowerCase(), value);
        const texts = textsOf(block, { settings, variables: lower }, known, all);
        procs.push({ process: procs.length, block, variables, texts });
      }
    });
  }
  return { procs, faults, used };
}

interface Numbers {
  readonly process: number | typeof PROCESS_MARK;
  readonly step: number | typeof PROCESS_MARK;
  readonly rowNumber: number | typeof PROCESS_MARK;
}

/**
 * The one proc that stands for all of a `queue`, with marks for their number and for what their rows
 * have; null where some text depends on these in another way than having them in it.
 */
export function expandMarked(
  block: QueueBlock,
  world: SubmitWorld,
): (ExpandedProcs & { readonly proc: Proc }) | null {
  const automatic = new Map(Object.entries(world.automatic));
  const settings = new Map([...block.settings].map(([name, { value }]) => [name, value]));
  const faults = new Map<Setting, string>();
  const used = new Set<string>();
  const hasItems = block.names.length > 0;
  const variables = variablesOf(
    block,
    block.names.map((_, place) => rowMark(place)),
    {
      process: PROCESS_MARK,
      step: hasItems ? 0 : PROCESS_MARK,
      rowNumber: hasItems ? PROCESS_MARK : 0,
    },
  );
  const lower = new Map(automatic);
  for (const [name, value] of variables) lower.set(name.toLowerCase(), value);
  const all: Expanding = { world, faults, used, isOpen: false };
  const texts = textsOf(block, { settings, variables: lower }, new Map(), all);
  if (all.isOpen || faults.size > 0) return null;
  const proc = { process: 0, block, variables, texts };
  return { procs: [proc], proc, faults, used };
}

interface Expanding {
  readonly world: SubmitWorld;
  readonly faults: Map<Setting, string>;
  readonly used: Set<string>;
  /** Some text was made of a proc's variables by functions, or by chance. */
  isOpen: boolean;
}

function variablesOf(
  { names }: QueueBlock,
  row: readonly string[],
  { process, step, rowNumber }: Numbers,
): Map<string, string> {
  const variables = new Map<string, string>();
  for (const [index, name] of names.entries()) variables.set(name, row[index] ?? '');
  const automatic = {
    Process: String(process),
    ProcId: String(process),
    Step: String(step),
    ItemIndex: String(rowNumber),
    Row: String(rowNumber),
    Cluster: JOB_MARK,
    ClusterId: JOB_MARK,
    JobId: `${JOB_MARK}.${process}`,
  };
  const taken = new Set(names.map((name) => name.toLowerCase()));
  for (const [name, value] of Object.entries(automatic)) {
    if (!taken.has(name.toLowerCase())) variables.set(name, value);
  }
  return variables;
}

function textsOf(
  block: QueueBlock,
  { settings, variables }: Pick<Scope, 'settings' | 'variables'>,
  known: Map<string, Known>,
  all: Expanding,
): Map<string, string> {
  const { world, faults, used } = all;
  const texts = new Map<string, string>();
  for (const [name, setting] of block.settings) {
    const key = name.startsWith('my.') ? name : commandOf(name);
    // Its other names are the user's own macros where the command itself is there.
    if (key === undefined || (key !== name && block.settings.has(key))) continue;
    const before = known.get(name);
    if (before?.text != null) {
      texts.set(key, before.text);
      continue;
    }
    let changes = false;
    let calls = false;
    const scope: Scope = {
      settings,
      variables,
      environment: world.environment,
      random() {
        changes = true;
        return world.random();
      },
      onCall() {
        calls = true;
      },
      onUse(macro) {
        if (variables.has(macro) && !Object.hasOwn(world.automatic, macro)) changes = true;
        if (!before) used.add(macro);
      },
    };
    const text = expandOrFault(setting, scope, faults);
    all.isOpen ||= changes && calls;
    texts.set(key, text);
    known.set(name, { setting, text: changes ? null : text });
  }
  return texts;
}

function expandOrFault(setting: Setting, scope: Scope, faults: Map<Setting, string>): string {
  try {
    return expandMacros(setting.value, scope);
  } catch (error) {
    if (!(error instanceof MacroFault)) throw error;
    if (!faults.has(setting)) faults.set(setting, error.message);
    return '';
  }
}
