/** One job of a description: procs that share all that a job has once. */
import { basename, resolve } from 'node:path';
import { type Axis, programKind, systemNames } from '#model';
import type { SweepDraft, SweepPlan } from '../plan/draft.ts';
import { readFileFacts } from '../plan/file-digests.ts';
import { makePlan } from '../plan/plan.ts';
import { MOST_TASK_LOGS } from '../template/log-path.ts';
import type { Origin } from '../template/origin.ts';
import type { AlikeProcs } from './alike.ts';
import { Columns } from './columns.ts';
import type { CommandFault, ProcDescription } from './describe-proc.ts';
import { directoryOf, documentOf, flagOf, pluginsOf, stringIn } from './job-settings.ts';
import { hasMachineMark, JOB_MARK, withMachineMarks } from './macro-scope.ts';
import { commandTemplate, outputsOf, type Template } from './outputs.ts';
import { faulty, type Planning, settingOf } from './planning.ts';
import type { Proc } from './procs.ts';
import type { QueueBlock } from './read-submit.ts';
import { stageInputs } from './staged-inputs.ts';

export interface Group {
  readonly procs: readonly Proc[];
  readonly descriptions: readonly ProcDescription[];
  readonly texts: ReadonlyMap<string, string>;
}

export interface GroupWish {
  /** There is no other job of the description. */
  readonly isOnly: boolean;
  /** Procs of which the group has one that stands for all; null: it has all of them. */
  readonly alike: AlikeProcs | null;
}

/** Null when something is wrong; it was told. */
export async function planGroup(
  planning: Planning,
  group: Group,
  { isOnly, alike }: GroupWish,
): Promise<SweepPlan | null> {
  const { procs, descriptions, texts } = group;
  const { block } = procs[0]!;
  const fault = (one: CommandFault) => faulty(planning, procs[0]!, one);
  const columns = new Columns(
    procs.map(({ variables }) => variables),
    alike?.names ?? [],
  );
  if (procs.length > 1) columns.take('Process');
  const names = new Map([...block.settings].map(([key, { name }]) => [key, name]));
  const document = documentOf(texts, names, fault);
  const kind = directoryOf(texts, fault);
  const program = await programOf(planning, group, kind, fault);
  const template = (name: string, values: readonly string[]) => {
    try {
      return columns.template(name, values);
    } catch (error) {
      fault({
        command: name.split('_')[0]!,
        found: (error as Error).message,
        expected: 'it in all of them',
      });
      return '';
    }
  };
  const command = commandTemplate(program.word, descriptions, texts, template, columns);
  const environment = Object.fromEntries(
    Object.keys(descriptions[0]!.environment).map((name) => [
      name,
      template(
        `env_${name}`,
        descriptions.map((one) => one.environment[name]!),
      ),
    ]),
  );
  const { results, place } = outputsOf(descriptions, kind, template);
  const keepsPaths = flagOf(texts, 'preserve_relative_paths', false, fault);
  const staged =
    kind === 'scratch' || descriptions.some(({ stdin }) => stdin)
      ? await stageInputs(
          kind === 'scratch' ? descriptions : descriptions.map((one) => ({ ...one, files: [] })),
          columns,
          keepsPaths,
          (name, found) =>
            fault({ command: name, found, expected: 'a file or folder that can be read' }),
        )
      : { inputs: [], blobs: [] };
  const log = logOf(group, template, fault);
  const draft: SweepDraft = {
    document: {
      ...document,
      ...program.document,
      name: nameOf(texts, planning.file, isOnly ? null : procs[0]!.process),
      environment,
      directory: kind,
      collect: 'none',
      ...(log && { log: log.path }),
      ...remoteOf(group, kind, fault),
    },
    findOrigin: (path) => originOf(planning, block, path),
    command,
    axes: [],
    base: kind === 'submit' ? descriptions[0]!.directory : planning.base,
    defaultName: '',
    defaultDirectory: kind,
    platform: planning.platform,
    searchPath: planning.searchPath,
    warnings: planning.warnings.splice(0),
  };
  const io =
    flagOf(texts, 'want_io_proxy', false, fault) || flagOf(texts, 'my.wantioproxy', false, fault);
  const delayed = flagOf(texts, 'my.wantdelayedupdates', true, fault);
  const additions = {
    inputs: staged.inputs,
    results,
    place,
    chirp: { io, delayed },
    machineValues: columns.machineValues,
    ...(alike === null ? rowsOf(columns) : rowsOfAlike(columns, alike)),
  };
  if (columns.hasMachineInCells) {
    const found = '$$(…) that differs from proc to proc';
    fault({ command: 'arguments', found, expected: 'the same $$(…) for all, in words of its own' });
  }
  if (planning.problems.length > 0) return null;
  const plan = await makePlan(draft, additions);
  const { eventLog } = plan.spec;
  const spec = { ...plan.spec, eventLog: eventLog && { ...eventLog, perTask: log!.perTask } };
  return withAdditions({ ...plan, spec }, staged.blobs);
}

function withAdditions(plan: SweepPlan, blobs: SweepPlan['blobs']): SweepPlan {
  const known = new Set(plan.blobs.map(({ sha256 }) => sha256));
  return { ...plan, blobs: [...plan.blobs, ...blobs.filter(({ sha256 }) => !known.has(sha256))] };
}

function countOf(count: number): { axes: readonly Axis[]; columns: readonly string[] } {
  const numbers = { from: '0', to: String(count - 1), step: '1' };
  return { axes: [{ kind: 'range', column: 'Process', ...numbers }], columns: ['Process'] };
}

/** Of what rows have, what templates name. */
function rowsOfAlike(columns: Columns, { count, names, rows }: AlikeProcs) {
  const places = columns.itemsUsed;
  if (places.length === 0) return countOf(count);
  const all = ['Process', ...places.map((place) => names[place]!)];
  const own = rows.map((row, process) => [String(process), ...places.map((place) => row[place]!)]);
  return { axes: [{ kind: 'values', columns: all, rows: own } as const], columns: all };
}

/** Rows written out in place, or as a range where they only count. */
function rowsOf(columns: Columns): { axes: readonly Axis[]; columns: readonly string[] } {
  const { names } = columns;
  const rows = columns.rows();
  if (names.length === 0) return { axes: [], columns: [] };
  const isCount =
    names.length === 1 &&
    names[0] === 'Process' &&
    rows.every(([cell], index) => cell === String(index));
  if (isCount) {
    return countOf(rows.length);
  }
  return { axes: [{ kind: 'values', columns: names, rows }], columns: names };
}

async function programOf(
  { base, platform }: Planning,
  { texts }: Group,
  kind: 'scratch' | 'submit',
  fault: (fault: CommandFault) => void,
): Promise<{ word: string; document: { programs?: Record<string, string> } }> {
  const written = texts.get('executable') ?? '';
  if (written === '') return { word: '', document: {} };
  const isSent = flagOf(texts, 'transfer_executable', true, fault);
  // Where it is not sent, what is written is its name on the machine.
  if (!isSent)
    return {
      word: written.includes('/') || kind === 'submit' ? written : `./${written}`,
      document: {},
    };
  if (hasMachineMark(written) && kind === 'scratch') {
    const programs = await buildsOf(base, written);
    const shown = withMachineMarks(written, (body) => `$$(${body})`);
    const expected =
      'a program for some platform: $$(OpSys) is LINUX, $$(Arch) is X86_64 or aarch64';
    if (Object.keys(programs).length === 0)
      fault({ command: 'executable', found: shown, expected });
    const name = basename(withMachineMarks(written, () => '')).replace(/[._-]+$/, '') || 'program';
    return { word: `./${name}`, document: { programs } };
  }
  const path = resolve(base, written);
  if (kind === 'submit') return { word: path, document: {} };
  const facts = await readFileFacts(path);
  if ('trouble' in facts) {
    fault({ command: 'executable', found: `${written}: ${facts.trouble}`, expected: 'a program' });
    return { word: written, document: {} };
  }
  const isElf = programKind(facts.head).kind === 'elf';
  const programs = { [isElf ? platform : 'any']: path };
  return { word: `./${basename(path)}`, document: { programs } };
}

/** `solver.$$(OpSys).$$(Arch)`: of each platform that it is there for. */
async function buildsOf(base: string, written: string): Promise<Record<string, string>> {
  const found: Record<string, string> = {};
  for (const platform of PLATFORMS) {
    const names = systemNames(platform);
    const path = withMachineMarks(written, (body) => {
      const name = body.trim().toLowerCase();
      return name === 'opsys' ? names.opSys : name === 'arch' ? names.arch : `$$(${body})`;
    });
    const facts = await readFileFacts(resolve(base, path));
    if (!('trouble' in facts)) found[platform] = resolve(base, path);
  }
  return found;
}

const PLATFORMS = ['linux-x64', 'linux-arm64', 'darwin-x64', 'darwin-arm64'];

/** URLs are the server's to bring, or a plugin's of the job. */
function remoteOf(
  { descriptions, texts }: Group,
  kind: 'scratch' | 'submit',
  fault: (fault: CommandFault) => void,
): Pick<SweepDraft['document'], 'inputs' | 'transfer-plugins'> {
  const plugins = pluginsOf(texts, fault);
  const command = 'transfer_input_files';
  const inputs: Record<string, { url: string }> = {};
  for (const url of descriptions[0]!.urls) {
    const name = nameInUrl(url);
    const expected = 'a URL whose path ends with the name of a file, another one for each';
    if (name === '' || inputs[name]) fault({ command, found: url, expected });
    else if (kind === 'submit') {
      const found = `${url}, though programs run where the description lies`;
      fault({ command, found, expected: 'should_transfer_files = YES' });
    } else inputs[name] = { url };
  }
  return {
    ...(Object.keys(inputs).length > 0 && { inputs }),
    ...(Object.keys(plugins).length > 0 && { 'transfer-plugins': plugins }),
  };
}

/** The file that a URL is known by in the directory of the attempt. */
function nameInUrl(url: string): string {
  const path = URL.parse(url)?.pathname ?? '';
  try {
    return decodeURIComponent(path.slice(path.lastIndexOf('/') + 1));
  } catch {
    return '';
  }
}

/** One file takes the events of all tasks, or each has its own; the server puts its number for the job in. */
function logOf(
  { procs, descriptions }: Group,
  template: Template,
  fault: (fault: CommandFault) => void,
): { path: string; perTask: boolean } | null {
  const written = procs.map(({ texts }) => texts.get('log')?.trim() ?? '');
  if (written.every((log) => log === '')) return null;
  const paths = written.map((log, at) => resolve(descriptions[at]!.directory, log));
  const perTask = paths.some((path) => path !== paths[0]);
  if (!perTask) return { path: paths[0]!.replaceAll(JOB_MARK, '${:job}'), perTask };
  const wrong = written.includes('')
    ? { found: 'no log for some of the tasks', expected: 'one for each of them, or for none' }
    : {
        found: `a log for each of ${written.length} tasks`,
        expected: `one for all of them, or at most ${MOST_TASK_LOGS}`,
      };
  if (written.includes('') || written.length > MOST_TASK_LOGS) {
    fault({ command: 'log', ...wrong });
    return null;
  }
  return { path: template('log', paths), perTask };
}

function nameOf(texts: ReadonlyMap<string, string>, file: string, process: number | null): string {
  const given = (texts.get('batch_name') || stringIn(texts, 'my.jobbatchname'))
    .replace(/^"(.*)"$/s, '$1')
    .replaceAll(JOB_MARK, '')
    .trim();
  if (given !== '') return given.slice(0, 200);
  const stem = basename(file).replace(/\.[^.]*$/, '') || 'submit';
  return process === null ? stem : `${stem}.${process}`;
}

/** Where in the description a key of the job was written. */
function originOf(
  planning: Planning,
  block: QueueBlock,
  path: readonly (string | number)[],
): Origin {
  const [section, name] = path;
  const command = DOCUMENT_COMMANDS[String(section)] ?? String(section);
  const key = section === 'attributes' ? `my.${String(name).toLowerCase()}` : command;
  const setting = settingOf(block, key);
  if (setting) return { what: setting.name, file: setting.file, line: setting.line };
  return { what: command, file: block.file || planning.file, line: block.line };
}

const DOCUMENT_COMMANDS: Readonly<Record<string, string>> = {
  command: 'arguments',
  programs: 'executable',
  inputs: 'transfer_input_files',
  'transfer-plugins': 'transfer_plugins',
  results: 'transfer_output_files',
  place: 'output',
  'concurrency-limits': 'concurrency_limits',
  'accounting-group': 'accounting_group',
  directory: 'should_transfer_files',
};
