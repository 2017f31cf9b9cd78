/** What one proc is, from its commands' texts: words, files, places. Pure; files are not looked at. */
import { basename, isAbsolute, join, normalize, resolve } from 'node:path';
import { truthOfWord } from './amounts.ts';
import { splitVariables, splitWords } from './quoting.ts';

/** A fault of one command: a sentence fragment each. */
export interface CommandFault {
  readonly command: string;
  readonly found: string;
  readonly expected: string;
}

export interface NamedFile {
  /** As written. */
  readonly written: string;
  /** Absolute. A slash at the end: the content of the folder. */
  readonly path: string;
}

export interface LeftFile {
  /** Relative to the scratch directory. */
  readonly from: string;
  /** Absolute. */
  readonly to: string;
}

export interface ProcDescription {
  readonly words: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
  /** Absolute. */
  readonly directory: string;
  readonly stdin: NamedFile | null;
  readonly files: readonly NamedFile[];
  /** What is brought from elsewhere. */
  readonly urls: readonly string[];
  /** Absolute paths; null: nobody wants it. */
  readonly stdout: string | null;
  readonly stderr: string | null;
  /** Null: whatever is new or changed. */
  readonly left: readonly LeftFile[] | null;
  /** For what is new or changed: names that go elsewhere. */
  readonly remaps: readonly LeftFile[];
}

export interface ProcReader {
  /** Absolute folder of the description. */
  readonly base: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly fault: (fault: CommandFault) => void;
}

type Texts = ReadonlyMap<string, string>;

export function describeProc(texts: Texts, reader: ProcReader): ProcDescription {
  const directory = resolve(reader.base, textOf(texts, 'initialdir'));
  const remaps = remapsOf(texts, reader, directory);
  return {
    words: wordsOf(texts, reader),
    environment: environmentOf(texts, reader),
    directory,
    stdin: fileOf(texts, 'input', 'transfer_input', directory),
    files: filesOf(texts, directory),
    urls: namedInputs(texts).filter(isUrl),
    stdout: targetOf(texts, 'output', 'transfer_output', directory, remaps),
    stderr: targetOf(texts, 'error', 'transfer_error', directory, remaps),
    left: leftOf(texts, reader, directory, remaps),
    remaps,
  };
}

function textOf(texts: Texts, command: string): string {
  return texts.get(command)?.trim() ?? '';
}

function wordsOf(texts: Texts, { fault }: ProcReader): readonly string[] {
  const text = texts.get('arguments') ?? '';
  const words = splitWords(text);
  if ('value' in words) return words.value;
  fault({ command: 'arguments', found: words.problem, expected: 'words' });
  return [];
}

function environmentOf(texts: Texts, reader: ProcReader): Record<string, string> {
  const taken = inherited(textOf(texts, 'getenv'), reader);
  const own = splitVariables(texts.get('environment') ?? '');
  if ('problem' in own) {
    reader.fault({ command: 'environment', found: own.problem, expected: '"A=1 B=2"' });
    return taken;
  }
  return { ...taken, ...own.value };
}

/** `true`, or patterns of names with `*`, those with `!` left out. */
function inherited(text: string, { environment }: ProcReader): Record<string, string> {
  const truth = text === '' ? false : truthOfWord(text);
  if (truth === false) return {};
  const patterns = truth === true ? ['*'] : text.split(/[\s,]+/).filter((one) => one !== '');
  const matcher = (pattern: string) => {
    const escaped = pattern.split('*').map((part) => part.replace(/[^\w]/g, '\\$&'));
    return new RegExp(`^${escaped.join('.*')}$`);
  };
  const wanted = patterns.filter((one) => !one.startsWith('!')).map(matcher);
  const unwanted = patterns
    .filter((one) => one.startsWith('!'))
    .map((one) => matcher(one.slice(1)));
  const found: Record<string, string> = {};
  for (const [name, value] of Object.entries(environment)) {
    if (value === undefined || !/^[A-Za-z_]\w*$/.test(name) || name.startsWith('WINDROW_'))
      continue;
    const isWanted = (wanted.length === 0 ? [/^/] : wanted).some((one) => one.test(name));
    if (isWanted && !unwanted.some((one) => one.test(name))) found[name] = value;
  }
  return found;
}

function fileOf(texts: Texts, command: string, flag: string, directory: string): NamedFile | null {
  const written = textOf(texts, command);
  if (written === '' || written === '/dev/null') return null;
  if (texts.has(flag) && truthOfWord(texts.get(flag)!) === false) return null;
  return { written, path: resolve(directory, written) };
}

function filesOf(texts: Texts, directory: string): NamedFile[] {
  const named = namedInputs(texts).filter((written) => !isUrl(written));
  return named.map((written) => {
    const path = resolve(directory, written);
    return { written, path: written.endsWith('/') ? `${path}/` : path };
  });
}

function namedInputs(texts: Texts): string[] {
  return listOf(textOf(texts, 'transfer_input_files'));
}

/** Comma-separated names, as a whole perhaps in double quotes. */
function listOf(text: string): string[] {
  const inner = /^"(.*)"$/s.exec(text)?.[1] ?? text;
  return inner
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

function targetOf(
  texts: Texts,
  command: string,
  flag: string,
  directory: string,
  remaps: readonly LeftFile[],
): string | null {
  const written = textOf(texts, command);
  if (written === '' || written === '/dev/null') return null;
  if (texts.has(flag) && truthOfWord(texts.get(flag)!) === false) return null;
  const name = basename(written);
  return remaps.find(({ from }) => from === name)?.to ?? resolve(directory, written);
}

/** `"a = b; c/ = d/"`: what a task leaves, and where it goes. */
function remapsOf(texts: Texts, { fault }: ProcReader, directory: string): LeftFile[] {
  const text = textOf(texts, 'transfer_output_remaps');
  const inner = /^"(.*)"$/s.exec(text)?.[1] ?? text;
  const found: LeftFile[] = [];
  for (const part of inner.split(';').map((one) => one.trim())) {
    if (part === '') continue;
    const equals = part.indexOf('=');
    const to = part.slice(equals + 1).trim();
    if (equals < 1 || to === '' || isUrl(to)) {
      const expected = '"name = path; other = path", to places on this machine';
      fault({ command: 'transfer_output_remaps', found: part, expected });
      continue;
    }
    found.push({ from: plainPath(part.slice(0, equals).trim()), to: resolve(directory, to) });
  }
  return found;
}

function leftOf(
  texts: Texts,
  { fault }: ProcReader,
  directory: string,
  remaps: readonly LeftFile[],
): LeftFile[] | null {
  const written = texts.get('transfer_output_files');
  if (written === undefined) return null;
  const keepsPaths = truthOfWord(textOf(texts, 'preserve_relative_paths')) === true;
  const found: LeftFile[] = [];
  for (const name of listOf(written.trim())) {
    const from = plainPath(name);
    if (isAbsolute(name) || from === '.' || from.split('/').includes('..') || from.includes('\\')) {
      const expected = 'paths inside the directory of the attempt';
      fault({ command: 'transfer_output_files', found: name, expected });
      continue;
    }
    const last = name.endsWith('/') ? '' : basename(from);
    const remap = remaps.find((one) => one.from === from || one.from === last);
    found.push({ from, to: remap?.to ?? join(directory, keepsPaths ? from : last) });
  }
  return found;
}

/** Without `./` in front and `/` at the end. */
function plainPath(path: string): string {
  return normalize(path).replace(/\/$/, '');
}

export function isUrl(text: string): boolean {
  return /^[A-Za-z][A-Za-z0-9+.-]*:\/\//.test(text);
}
