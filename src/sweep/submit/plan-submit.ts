/**
 * From a submit description to jobs: procs that differ in what a job has once become different
 * jobs, in the order of their first proc; all else that differs becomes columns.
 */
import type { WindrowError } from '#base';
import { readMachineValue } from '#model';
import { submitErrors } from '../errors.ts';
import { nearestName } from '../nearest-name.ts';
import type { SweepPlan } from '../plan/draft.ts';
import { throwProblems } from '../problems.ts';
import { alikeProcs } from './alike.ts';
import { COMMANDS, commandOf, needlessReasonOf, refusalOf } from './commands.ts';
import { describeProc, type ProcDescription } from './describe-proc.ts';
import { jobTexts } from './job-settings.ts';
import { hasMachineMark, withMachineMarks } from './macro-scope.ts';
import { type Group, planGroup } from './plan-group.ts';
import {
  at,
  faulty,
  type Planning,
  refuse,
  type SubmitSurroundings,
  settingOf,
  tell,
  wrong,
} from './planning.ts';
import { expandProcs, type Proc } from './procs.ts';
import { type QueueBlock, readSubmit, type Setting } from './read-submit.ts';

/** More would be a table of jobs, not of tasks. */
const MOST_JOBS = 100;

/** @throws every problem at once, with file and line */
export async function planSubmit(
  text: string,
  file: string,
  surroundings: SubmitSurroundings,
): Promise<readonly SweepPlan[]> {
  const { world } = surroundings;
  const read = await readSubmit(text, file, world);
  const planning: Planning = {
    ...surroundings,
    file,
    problems: [...read.problems],
    warnings: [...read.warnings],
    told: new Set(),
  };
  const alike = alikeProcs(read.blocks, world);
  const { procs, faults, used } = alike ?? expandProcs(read.blocks, world);
  for (const [setting, found] of faults)
    wrong(planning, setting, found, 'macros that can be expanded');
  checkSettings(planning, read.blocks, new Set([...read.used, ...used]));
  checkTexts(planning, procs);
  const groups = groupsOf(planning, procs);
  const plans: SweepPlan[] = [];
  for (const group of groups) {
    const plan = await planGroup(planning, group, {
      isOnly: groups.length === 1,
      alike,
    });
    if (plan) plans.push(plan);
  }
  throwProblems(planning.problems.sort((a, b) => lineOf(a) - lineOf(b)));
  return plans;
}

/** They are told in the order of the lines, whenever they were found. */
function lineOf({ facts }: WindrowError): number {
  return Number(/:(\d+)\b/.exec(String(facts.where ?? ''))?.[1] ?? 0);
}

/** Refused commands, and names that nobody uses: each by its line, also where no proc has them. */
function checkSettings(
  planning: Planning,
  blocks: readonly QueueBlock[],
  used: ReadonlySet<string>,
): void {
  for (const setting of new Set(blocks.flatMap(({ settings }) => [...settings.values()]))) {
    const name = setting.name.toLowerCase();
    const isAttribute = blocks.some(({ settings }) => settings.get(`my.${name}`) === setting);
    if (isAttribute || used.has(name)) continue;
    const command = commandOf(name);
    if (command !== undefined) {
      const twice = blocks.map(({ settings }) => settings.get(command)).find((one) => one);
      if (command !== name && twice)
        wrong(
          planning,
          setting,
          `${setting.name} besides ${twice.name}`,
          'one of the two: they mean the same',
        );
      const needless = needlessReasonOf(command);
      if (needless !== null)
        planning.warnings.push(`${at(setting)}: ${setting.name} is not needed: ${needless}`);
      continue;
    }
    const nearest = nearestName(name, Object.keys(COMMANDS));
    if (nearest !== undefined) {
      wrong(
        planning,
        setting,
        `the name ${setting.name}, which nothing uses`,
        `perhaps ${nearest}`,
      );
    } else planning.warnings.push(`${at(setting)}: ${setting.name} is set, but nothing uses it`);
  }
}

function checkTexts(planning: Planning, procs: readonly Proc[]): void {
  for (const { block, texts } of procs) {
    for (const [key, text] of texts) {
      const setting = settingOf(block, key);
      if (!setting) continue;
      const reason = key.startsWith('my.') ? null : refusalOf(key, text);
      if (reason !== null) refuse(planning, setting, `${setting.name} = ${text}`, reason);
      checkMachineValues(planning, setting, key, text);
    }
    if (!texts.get('executable') && !texts.get('shell')) {
      const facts = {
        where: at(block),
        found: 'a queue before any executable',
        expected: 'executable = PROGRAM',
      };
      tell(planning, submitErrors.create('SUBMIT_BAD_LINE', facts));
    }
  }
}

/** Commands that only the machine which runs a task needs to know. */
const OF_MACHINE = new Set(['arguments', 'environment', 'executable']);

function checkMachineValues(planning: Planning, setting: Setting, key: string, text: string): void {
  if (!hasMachineMark(text)) return;
  if (!OF_MACHINE.has(key)) {
    const why = 'values of the machine ($$(…)) are filled in in arguments and environment only';
    const shown = withMachineMarks(text, (body) => `$$(${body})`);
    return refuse(planning, setting, `${setting.name} = ${shown}`, why);
  }
  withMachineMarks(text, (body) => {
    const expected = '$$(NAME), $$(NAME:otherwise) or $$([expression])';
    if (!readMachineValue(body)) wrong(planning, setting, `$$(${body})`, expected);
    return '';
  });
}

function groupsOf(planning: Planning, procs: readonly Proc[]): Group[] {
  const groups = new Map<
    string,
    { procs: Proc[]; descriptions: ProcDescription[]; texts: Map<string, string> }
  >();
  for (const proc of procs) {
    const texts = jobTexts(proc.texts);
    const description = describeProc(proc.texts, {
      base: planning.base,
      environment: planning.world.environment,
      fault: (fault) => faulty(planning, proc, fault),
    });
    const key = JSON.stringify([[...texts].sort(), shapeOf(description, texts)]);
    const group = groups.get(key);
    if (group) {
      group.procs.push(proc);
      group.descriptions.push(description);
    } else groups.set(key, { procs: [proc], descriptions: [description], texts });
    if (groups.size <= MOST_JOBS) continue;
    const found = `procs that differ in more than arguments, environment and files ${groups.size} times`;
    tell(
      planning,
      submitErrors.create('SUBMIT_BAD_LINE', {
        where: at(proc.block),
        found,
        expected: `at most ${MOST_JOBS} different jobs`,
      }),
    );
    return [];
  }
  return [...groups.values()];
}

/** What templates cannot tell: which variables there are, how many files come back. */
function shapeOf(
  { environment, left, remaps, stdout, stderr, directory, urls }: ProcDescription,
  texts: ReadonlyMap<string, string>,
) {
  const staysHere = /^(no|never|false)$/i.test(texts.get('should_transfer_files') ?? '');
  return [
    Object.keys(environment),
    left?.length ?? -1,
    remaps.length,
    stdout === null,
    stderr === null,
    staysHere ? directory : '',
    urls,
  ];
}
