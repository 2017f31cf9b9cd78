/**
 * Files of `NAME = value` lines as HTCondor's configuration has them: `#` comments, lines that go on
 * after a `\`, values of several lines between `@=tag` and `@tag`, `$(NAME)` and `$(NAME:default)`,
 * `if`, `elif`, `else`, `endif`. Names ignore case; of several values the last counts. What a policy
 * file has no use for is refused by line, never passed over.
 */
export interface Macro {
  readonly line: number;
  /** With its macros put in. */
  readonly value: string;
}

export interface Problem {
  readonly line: number;
  readonly what: string;
}

export interface Macros {
  /** By upper-case name. */
  readonly macros: ReadonlyMap<string, Macro>;
  readonly problems: Problem[];
  readonly warnings: Problem[];
}

export const MACRO_FILE_LIMITS = {
  fileBytes: 1 << 20,
  lines: 50_000,
  /** Of one value with its macros put in. */
  valueCharacters: 64 << 10,
  /** Put in for all values together. */
  allCharacters: 16 << 20,
  depth: 64,
} as const;

interface Line {
  readonly number: number;
  readonly text: string;
}

interface Branch {
  readonly line: number;
  /** What is around it is read. */
  readonly isOuterRead: boolean;
  isRead: boolean;
  wasRead: boolean;
  hasElse: boolean;
}

const NAME = /^[A-Za-z_][A-Za-z0-9_.]*$/;
const REFUSED = /^(include|use|error|warning)\b/i;

export function readMacros(text: string): Macros {
  const problems: Problem[] = [];
  const warnings: Problem[] = [];
  const raw = new Map<string, Macro>();
  const branches: Branch[] = [];
  const lines = logicalLines(text, problems);
  for (let at = 0; at < lines.length; at++) {
    const { number, text: line } = lines[at]!;
    const say = (what: string): void => void problems.push({ line: number, what });
    if (takeCondition(line, number, branches, raw, say)) continue;
    const isRead = branches.at(-1)?.isRead ?? true;
    const many = /^([A-Za-z_][A-Za-z0-9_.]*)\s*@=\s*(\w+)\s*$/.exec(line);
    if (many) {
      const end = lines.findIndex((one, index) => index > at && one.text === `@${many[2]}`);
      if (end < 0) {
        say(`the value of ${many[1]} never ends: there is no line @${many[2]}`);
        break;
      }
      const value = lines.slice(at + 1, end).map((one) => one.text);
      if (isRead) raw.set(many[1]!.toUpperCase(), { line: number, value: value.join(' ') });
      at = end;
      continue;
    }
    if (!isRead) continue;
    if (REFUSED.test(line) && !/^\w+\s*=/.test(line)) {
      say(`"${line.split(/\s/, 1)[0]}" is not supported in a policy file`);
      continue;
    }
    const equals = line.indexOf('=');
    const name = line.slice(0, Math.max(0, equals)).trim();
    if (equals < 0 || !NAME.test(name)) say(`found ${shown(line)}, expected NAME = VALUE`);
    else raw.set(name.toUpperCase(), { line: number, value: line.slice(equals + 1).trim() });
  }
  for (const { line } of branches) problems.push({ line, what: 'this "if" has no "endif"' });
  return { macros: expandAll(raw, problems), problems, warnings };
}

/** Without comments and empty lines; those that end in a backslash joined with the next. */
function logicalLines(text: string, problems: Problem[]): Line[] {
  const found: Line[] = [];
  const physical = text.replace(/^\ufeff/, '').split(/\r?\n/);
  if (physical.length > MACRO_FILE_LIMITS.lines) {
    const what = `found more lines, expected at most ${MACRO_FILE_LIMITS.lines}`;
    problems.push({ line: MACRO_FILE_LIMITS.lines, what });
    return [];
  }
  let open: { number: number; parts: string[] } | null = null;
  physical.forEach((line, index) => {
    const trimmed = line.trim();
    // Also amid lines that go on, as HTCondor reads them.
    if (trimmed.startsWith('#')) return;
    const goesOn = trimmed.endsWith('\\');
    const part = goesOn ? trimmed.slice(0, -1).trim() : trimmed;
    open ??= { number: index + 1, parts: [] };
    open.parts.push(part);
    if (goesOn) return;
    const whole = open.parts.join(' ').trim();
    if (whole !== '') found.push({ number: open.number, text: whole });
    open = null;
  });
  const last = open as { number: number; parts: string[] } | null;
  if (last) found.push({ number: last.number, text: last.parts.join(' ').trim() });
  return found;
}

function takeCondition(
  line: string,
  number: number,
  branches: Branch[],
  raw: ReadonlyMap<string, Macro>,
  say: (what: string) => void,
): boolean {
  const found = /^(if|elif|else|endif)\b\s*(.*)$/is.exec(line);
  if (!found || /^\w+\s*=/.test(line)) return false;
  const word = found[1]!.toLowerCase();
  const top = branches.at(-1);
  if (word === 'if') {
    const isOuterRead = top?.isRead ?? true;
    const isRead = isOuterRead && holds(found[2]!, raw, say);
    branches.push({ line: number, isOuterRead, isRead, wasRead: isRead, hasElse: false });
    return true;
  }
  if (!top) {
    say(`"${word}" without "if"`);
    return true;
  }
  if (word === 'endif') branches.pop();
  else if (top.hasElse) say(`"${word}" after "else"`);
  else {
    if (word === 'else') top.hasElse = true;
    const wants = top.isOuterRead && !top.wasRead;
    top.isRead = wants && (word === 'else' || holds(found[2]!, raw, say));
    top.wasRead ||= top.isRead;
  }
  return true;
}

/** `defined NAME`, true, false, numbers, a macro that is one of these, and `!` of each. */
function holds(
  condition: string,
  raw: ReadonlyMap<string, Macro>,
  say: (what: string) => void,
): boolean {
  const text = condition.trim();
  if (text.startsWith('!')) return !holds(text.slice(1), raw, say);
  const defined = /^defined\s+(\S+)$/i.exec(text);
  if (defined) {
    const name = /^\$\((.*)\)$/.exec(defined[1]!)?.[1] ?? defined[1]!;
    return (raw.get(name.toUpperCase())?.value ?? '') !== '';
  }
  const macro = /^\$\(([\w.]+)(?::([^)]*))?\)$/.exec(text);
  const value = (macro ? (raw.get(macro[1]!.toUpperCase())?.value ?? macro[2] ?? '') : text).trim();
  if (/^(true|yes|t)$/i.test(value)) return true;
  if (/^(false|no|f)$/i.test(value)) return false;
  if (/^[+-]?\d+(\.\d+)?$/.test(value)) return Number(value) !== 0;
  say(`found the condition ${shown(text)}, expected "defined NAME", true, false or a number`);
  return false;
}

function expandAll(raw: ReadonlyMap<string, Macro>, problems: Problem[]): Map<string, Macro> {
  const expanded = new Map<string, Macro>();
  let left: number = MACRO_FILE_LIMITS.allCharacters;
  for (const [name, { line, value }] of raw) {
    const found = expand(value, raw, [name]);
    left -= found.text.length;
    const fault = found.fault ?? (left < 0 ? 'all values together are too long' : null);
    if (fault) problems.push({ line, what: `${name}: ${fault}` });
    expanded.set(name, { line, value: fault ? '' : found.text.trim() });
    if (left < 0) break;
  }
  return expanded;
}

interface Expansion {
  readonly text: string;
  readonly fault: string | null;
}

/** `around`: the macros that are being put in, to find those that lead back. */
function expand(
  value: string,
  raw: ReadonlyMap<string, Macro>,
  around: readonly string[],
): Expansion {
  let fault: string | null = null;
  let length = 0;
  const text = value.replace(/\$\(([^()]*)\)/g, (whole: string, inside: string) => {
    if (fault) return '';
    const [, name = '', usual] = /^\s*([\w.]*)\s*(?::(.*))?$/s.exec(inside) ?? [];
    if (name === '') {
      fault = `found ${shown(whole)}, expected $(NAME) or $(NAME:default)`;
      return '';
    }
    if (name.toUpperCase() === 'DOLLAR') return '$';
    const key = name.toUpperCase();
    const known = raw.get(key);
    if (!known && usual === undefined) {
      fault = `$(${name}) is not defined`;
      return '';
    }
    if (around.includes(key)) {
      fault = `$(${name}) leads back to itself`;
      return '';
    }
    if (around.length >= MACRO_FILE_LIMITS.depth) {
      fault = `macros lie in one another more than ${MACRO_FILE_LIMITS.depth} deep`;
      return '';
    }
    const inner = expand(known?.value ?? usual ?? '', raw, known ? [...around, key] : around);
    fault = inner.fault;
    length += inner.text.length;
    if (length > MACRO_FILE_LIMITS.valueCharacters) {
      fault ??= `with its macros put in it has more than ${MACRO_FILE_LIMITS.valueCharacters} characters`;
      return '';
    }
    return inner.text;
  });
  const isLong = text.length > MACRO_FILE_LIMITS.valueCharacters;
  const long = `it has more than ${MACRO_FILE_LIMITS.valueCharacters} characters`;
  return { text: fault || isLong ? '' : text, fault: fault ?? (isLong ? long : null) };
}

function shown(text: string): string {
  return JSON.stringify(text.length > 60 ? `${text.slice(0, 60)}…` : text);
}
