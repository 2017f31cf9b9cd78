/**
 * Lists of machines: one a line, a host as ssh takes it and options. Everything behind a `#` that
 * begins a word is a comment.
 *
 *     node1
 *     ada@node2  slots=4  dir=/scratch/ada   # the fast one
 *     10.0.0.7   port=2222  via=gate.example.org
 */
import { nearestWord, type WindrowError } from '#base';
import { pilotErrors } from './errors.ts';

/** One machine that a worker is to run on. */
export interface Machine {
  /** Host name, alias of ~/.ssh/config, or address; an IPv6 address without brackets. */
  readonly host: string;
  /** `''`: as ssh decides. */
  readonly user: string;
  /** 0: as ssh decides. */
  readonly port: number;
  /** Jump hosts as `ssh -J` takes them, or `''`. */
  readonly via: string;
  /** Directory of the worker there: absolute or `~/…`; `''`: the usual one. */
  readonly directory: string;
  /** 0: its CPUs. */
  readonly slots: number;
  /** What it is called in messages: unique in the list. */
  readonly name: string;
  /** Where it was written, `nodes.txt:3`. */
  readonly where: string;
}

export interface NodeLine {
  readonly text: string;
  readonly where: string;
}

const MOST_MACHINES = 10_000;
const LONGEST_FILE_BYTES = 4 * 1024 * 1024;
const LONGEST_LINE = 4096;
const MOST_SLOTS = 100_000;

/**
 * Reads the content of a node file; `file` is for messages.
 * @throws WindrowError PILOT_NODES_WRONG naming every line that is wrong
 */
export function parseNodeFile(content: Uint8Array, file: string): Machine[] {
  if (content.length > LONGEST_FILE_BYTES) {
    throw wrong([`${file}: the file has ${content.length} bytes, at most ${LONGEST_FILE_BYTES}`]);
  }
  const lines = decode(content, file).split(/\r?\n/);
  const placed = lines.map((text, index) => ({ text, where: `${file}:${index + 1}` }));
  return readMachines(placed, file);
}

/**
 * As `parseNodeFile`, for lines that were written anywhere.
 * @throws WindrowError PILOT_NODES_WRONG
 */
export function readMachines(lines: readonly NodeLine[], what: string): Machine[] {
  const problems: string[] = [];
  const machines: Machine[] = [];
  const places = new Map<string, string>();
  for (const line of lines) {
    const words = wordsOf(line, problems);
    if (words.length === 0) continue;
    const machine = machineOf(words, line.where, problems);
    if (!machine) continue;
    const place = [machine.user, machine.host, machine.port, machine.directory].join('\0');
    const before = places.get(place);
    if (before) problems.push(`${line.where}: ${machine.host} stands already in ${before}`);
    places.set(place, line.where);
    machines.push(machine);
  }
  if (machines.length > MOST_MACHINES) {
    problems.push(`${what}: ${machines.length} machines, at most ${MOST_MACHINES}`);
  }
  if (problems.length === 0 && machines.length === 0) {
    problems.push(`${what}: no machine in it, expected one host a line`);
  }
  if (problems.length > 0) throw wrong(problems);
  return named(machines);
}

const SHOWN = 20;

function wrong(problems: readonly string[]): WindrowError {
  const more = problems.length > SHOWN ? [`and ${problems.length - SHOWN} more`] : [];
  const shown = [...problems.slice(0, SHOWN), ...more].join('\n');
  return pilotErrors.create('PILOT_NODES_WRONG', { problems: shown });
}

function decode(content: Uint8Array, file: string): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(content);
  } catch {
    throw wrong([`${file}: it is not UTF-8 text`]);
  }
}

/** A word may hold blanks between double quotes: `dir="/scratch/my jobs"`. */
const WORD = /(?:[^\s"]|"[^"]*")+/y;

function wordsOf({ text, where }: NodeLine, problems: string[]): string[] {
  if (text.length > LONGEST_LINE) {
    problems.push(`${where}: the line has ${text.length} characters, at most ${LONGEST_LINE}`);
    return [];
  }
  const control = /[\0-\x08\x0b-\x1f\x7f]/.exec(text);
  if (control) {
    const code = control[0].charCodeAt(0).toString(16).padStart(2, '0');
    problems.push(`${where}: found the control character 0x${code}`);
    return [];
  }
  const words: string[] = [];
  for (let at = 0; at < text.length; ) {
    if (/\s/.test(text[at]!)) at++;
    else if (text[at] === '#') break;
    else {
      WORD.lastIndex = at;
      const word = WORD.exec(text)?.[0];
      if (word === undefined) {
        problems.push(`${where}: a double quote is not closed`);
        return [];
      }
      words.push(word.replaceAll('"', ''));
      at = WORD.lastIndex;
    }
  }
  return words;
}

const USER = /^[\p{L}\p{N}_][\p{L}\p{N}_.\\-]{0,63}\$?$/u;
const HOST = /^[\p{L}\p{N}_](?:[\p{L}\p{N}_.-]{0,252}[\p{L}\p{N}_])?$/u;
const IPV6 = /^[0-9A-Fa-f:.]{2,45}(?:%[\w.-]{1,32})?$/;
const JUMP = /^(?:[\w.\\-]{1,64}@)?(?:[\w.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::\d{1,5})?$/;

type Options = Pick<Machine, 'user' | 'port' | 'via' | 'directory' | 'slots'>;

interface KeyReader {
  readonly expected: string;
  /** What the value says; undefined when it is none of what is expected. */
  read(value: string): Partial<Options> | undefined;
}

const KEYS = {
  slots: {
    expected: `a whole number from 1 to ${MOST_SLOTS}`,
    read: (value) => {
      const slots = wholeOf(value, MOST_SLOTS);
      return slots > 0 ? { slots } : undefined;
    },
  },
  port: {
    expected: 'a whole number from 1 to 65535',
    read: (value) => {
      const port = wholeOf(value, 65_535);
      return port > 0 ? { port } : undefined;
    },
  },
  user: {
    expected: 'the name of an account',
    read: (value) => (USER.test(value) ? { user: value } : undefined),
  },
  dir: {
    expected: 'an absolute path, or one that begins with ~/',
    read: (value) => (/^(?:\/|~\/|~$)/.test(value) ? { directory: value } : undefined),
  },
  via: {
    expected: 'hosts to jump over, [user@]host[:port] with commas between',
    read: (value) => {
      const areJumps = value.split(',').every((jump) => JUMP.test(jump) && !jump.startsWith('-'));
      return areJumps ? { via: value } : undefined;
    },
  },
} as const satisfies Record<string, KeyReader>;

/** 0 for what is none. */
function wholeOf(value: string, most: number): number {
  const number = /^\d{1,6}$/.test(value) ? Number(value) : 0;
  return number <= most ? number : 0;
}

function machineOf(
  [first = '', ...options]: readonly string[],
  where: string,
  problems: string[],
): Machine | undefined {
  const known = problems.length;
  const fault = (text: string) => void problems.push(`${where}: ${text}`);
  const at = first.lastIndexOf('@');
  const host = first.slice(at + 1).replace(/^\[(.*)\]$/, '$1');
  if (!HOST.test(host) && !IPV6.test(host)) {
    fault(`found ${shown(first)}, expected a host or user@host first`);
  }
  const written = at < 0 ? options : [`user=${first.slice(0, at)}`, ...options];
  let read: Options = { user: '', port: 0, via: '', directory: '', slots: 0 };
  const seen = new Set<string>();
  for (const option of written) read = { ...read, ...readOption(option, seen, fault) };
  return problems.length > known ? undefined : { host, ...read, name: host, where };
}

function readOption(
  option: string,
  seen: Set<string>,
  fault: (text: string) => void,
): Partial<Options> | undefined {
  const [, key = option, value] = /^([^=]*)=(.*)$/s.exec(option) ?? [];
  if (value === undefined || !isKey(key)) {
    const names = Object.keys(KEYS);
    const nearest = nearestWord(key, names);
    const meant = nearest ? `; did you mean ${nearest}=?` : '';
    fault(`found ${shown(option)}, expected ${names.join('=, ')}=${meant}`);
    return undefined;
  }
  if (seen.has(key)) fault(`${key} is given twice`);
  seen.add(key);
  const reader: KeyReader = KEYS[key];
  const read = reader.read(value);
  if (!read) fault(`found ${key}=${shown(value)}, expected ${reader.expected}`);
  return read;
}

function isKey(key: string): key is keyof typeof KEYS {
  return Object.hasOwn(KEYS, key);
}

function shown(text: string): string {
  return text.length > 60 ? `${JSON.stringify(text.slice(0, 60))}…` : JSON.stringify(text);
}

/** Names as short as they can be: the host, with more where several are on one host. */
function named(machines: readonly Machine[]): Machine[] {
  const counts = new Map<string, number>();
  for (const { host } of machines) counts.set(host, (counts.get(host) ?? 0) + 1);
  return machines.map((machine) => {
    const { host, user, port, directory } = machine;
    if (counts.get(host) === 1) return machine;
    const login = (user && `${user}@`) + host + (port ? `:${port}` : '');
    return { ...machine, name: directory ? `${login}:${directory}` : login };
  });
}
