import { basename, isAbsolute, normalize, resolve } from 'node:path';
import { knownPlatform, type WindrowError } from '#base';
import { type Command, type ProgramBuild, platformMismatch, programKind } from '#model';
import { planErrors } from '../errors.ts';
import { describeOrigin, type Origin } from '../template/origin.ts';
import { type FixedWord, fixedWords, programWord, replaceWord } from './command-words.ts';
import type { PlannedBlob, SweepDraft } from './draft.ts';
import { type FileFacts, readFileFacts, sizeOf } from './file-digests.ts';

export interface PlannedPrograms {
  /** With the program's word as `./name` where the program is shipped. */
  readonly command: Command;
  readonly programName: string;
  readonly programs: readonly ProgramBuild[];
  readonly blobs: readonly PlannedBlob[];
  readonly problems: readonly WindrowError[];
}

interface Build {
  /** As written; undefined: to be told from the file. */
  readonly platform: string | undefined;
  readonly path: string;
  readonly origin: Origin;
}

/** Which program is shipped, in which builds, and what it is called inside scratch. */
export async function planPrograms(
  draft: SweepDraft,
  directory: 'scratch' | 'submit',
): Promise<PlannedPrograms> {
  const { command, document } = draft;
  const given = Object.entries(document.programs ?? {});
  const nothing = { command, programName: '', programs: [], blobs: [], problems: [] };
  if (directory === 'submit') {
    const problems =
      given.length === 0 ? await problemsHere(draft) : [programsWithoutScratch(draft)];
    return { ...nothing, problems };
  }
  if (given.length === 0) {
    const word = relativeProgram(draft);
    if (!word) return nothing;
    const isThere = (await sizeOf(resolve(draft.base, word.text))).trouble === undefined;
    if (!isThere && isInput(draft, word)) return nothing;
    const origin = draft.findOrigin(['command']);
    const builds = [{ platform: undefined, path: word.text, origin }];
    return { ...shipAs(command, word, basename(word.text)), ...(await readBuilds(draft, builds)) };
  }
  const builds = given.map(([platform, path]) => {
    return { platform, path, origin: draft.findOrigin(['programs', platform]) };
  });
  return { ...nameProgram(command, builds), ...(await readBuilds(draft, builds)) };
}

/** The command's first word when it is a relative path with a slash: a file beside the sweep. */
function relativeProgram({ command }: SweepDraft): FixedWord | undefined {
  const word = programWord(command);
  return word?.text.includes('/') && !isAbsolute(word.text) ? word : undefined;
}

/** A program that is made for each task from an input. */
function isInput({ document }: SweepDraft, { text }: FixedWord): boolean {
  return Object.keys(document.inputs ?? {}).some((name) => normalize(name) === normalize(text));
}

/** What is wrong with a program that is run where it lies. */
async function problemsHere(draft: SweepDraft): Promise<readonly WindrowError[]> {
  const word = relativeProgram(draft);
  if (!word || isInput(draft, word)) return [];
  const build = { platform: undefined, path: word.text, origin: draft.findOrigin(['command']) };
  const facts = await readFileFacts(resolve(draft.base, word.text));
  if ('trouble' in facts) return [missing(draft, build, facts.trouble)];
  // A shell takes a file without a "#!" line for a script of its own.
  const isForShell =
    draft.command.kind === 'shell' && programKind(facts.head).kind === 'other' && facts.executable;
  const checked = isForShell ? '' : check(build, facts, draft);
  return typeof checked === 'string' ? [] : [checked];
}

/** Which word of the command the builds of `[programs]` stand for. */
function nameProgram(
  command: Command,
  builds: readonly Build[],
): { command: Command; programName: string } {
  const word = programWord(command);
  const names = new Set(builds.map(({ path }) => basename(path)));
  const [onlyName] = names;
  if (word?.text.includes('/') && !isAbsolute(word.text)) {
    return shipAs(command, word, basename(word.text));
  }
  const asArgument = fixedWords(command).some(({ text }) => basename(text) === onlyName);
  if (
    names.size === 1 &&
    (asArgument || !word || isAbsolute(word.text)) &&
    word?.text !== onlyName
  ) {
    return { command, programName: onlyName! };
  }
  return word ? shipAs(command, word, word.text) : { command, programName: onlyName! };
}

function shipAs(command: Command, word: FixedWord, programName: string) {
  return { command: replaceWord(command, word, `./${programName}`), programName };
}

async function readBuilds(draft: SweepDraft, builds: readonly Build[]) {
  const programs: ProgramBuild[] = [];
  const blobs: PlannedBlob[] = [];
  const problems: WindrowError[] = [];
  for (const build of builds) {
    const path = resolve(draft.base, build.path);
    const facts = await readFileFacts(path);
    const checked =
      'trouble' in facts ? missing(draft, build, facts.trouble) : check(build, facts, draft);
    if (typeof checked !== 'string') {
      problems.push(checked);
      continue;
    }
    if (programs.some(({ platform }) => platform === checked)) {
      problems.push(unknownPlatform(build, 'each platform once'));
      continue;
    }
    const { sha256, md5, bytes } = facts as FileFacts;
    programs.push({ platform: checked, sha256, md5, bytes });
    blobs.push({ path, sha256, bytes, executable: true });
  }
  return { programs, blobs, problems };
}

/** The platform that the build is for, or what is wrong with it. */
function check(build: Build, facts: FileFacts, draft: SweepDraft): string | WindrowError {
  const kind = programKind(facts.head);
  const own = kind.kind === 'script' ? 'any' : draft.platform;
  const platform = build.platform === undefined ? own : platformOf(build.platform);
  if (platform === undefined) return unknownPlatform(build, 'e.g. linux-x64, or any');
  const where = describeOrigin(build.origin);
  if (!facts.executable) {
    const advice = `chmod +x ${build.path}`;
    const found = 'its execute bit is not set';
    return planErrors.create('PROGRAM_NOT_EXECUTABLE', { where, path: build.path, found, advice });
  }
  const scriptOnly = platform === 'any' && kind.kind !== 'script';
  const found = scriptOnly ? describeKind(kind) : platformMismatch(kind, platform);
  if (found === undefined) return platform;
  const expected = scriptOnly ? 'any platform, a script with a "#!" line' : platform;
  const facts_ = { where, path: build.path, found, expected };
  return planErrors.create('PROGRAM_WRONG_PLATFORM', facts_);
}

/** `any` for scripts; else one that is known, however it is written. */
function platformOf(text: string): string | undefined {
  return text === 'any' ? text : knownPlatform(text);
}

function describeKind(kind: ReturnType<typeof programKind>): string {
  if (kind.kind === 'other') return kind.description;
  return kind.kind === 'elf' ? `a program for ${kind.arch} (ELF)` : 'a script';
}

function missing(draft: SweepDraft, build: Build, found: string): WindrowError {
  const where = describeOrigin(build.origin);
  const facts = { where, path: build.path, found, base: draft.base };
  return planErrors.create('SWEEP_FILE_MISSING', facts);
}

function unknownPlatform(build: Build, expected: string): WindrowError {
  const where = describeOrigin(build.origin);
  const facts = { where, found: build.platform ?? '', expected };
  return planErrors.create('PROGRAM_UNKNOWN_PLATFORM', facts);
}

function programsWithoutScratch(draft: SweepDraft): WindrowError {
  return planErrors.create('SWEEP_BAD_VALUE', {
    where: describeOrigin(draft.findOrigin(['programs'])),
    found: '[programs] together with the directory "submit"',
    expected: 'the directory "scratch", where programs are put',
  });
}
