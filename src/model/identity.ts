/**
 * Which local account stands for whom: an ordered table, of which the first line that fits decides.
 * Who fits none is refused. Pure.
 *
 *   # who                        account   machine
 *   ada@uni.example              ada
 *   "CN=Grace Hopper, O=Navy"    grace     node*
 *   grid-*                       pool1
 *   /(\w+)@site\.example/        \1
 *   mallory@uni.example          -
 *
 * A name is exact, a beginning that ends with `*`, or a regular expression (RE2, of the whole name)
 * between slashes, whose groups the account may use; what contains blanks stands in double quotes.
 * `-` refuses. A line with a machine holds there only; its name is exact or ends with `*`.
 */
import { RE2JS } from 're2js';

/** Of the longest file that is read, in characters, and of a name that is looked up. */
export const IDENTITY_LIMITS = { characters: 1 << 20, lines: 10_000, name: 1000 } as const;

interface Rule {
  readonly line: number;
  readonly text: string;
  readonly account: string;
  /** The groups of a match, the whole name first; null: another name. */
  fits(name: string): readonly string[] | null;
  isFor(machine: string): boolean;
}

export interface IdentityTable {
  readonly rules: readonly Rule[];
}

export type IdentityParsed =
  | { readonly table: IdentityTable }
  /** One sentence for each line that is wrong: a table with a hole would refuse, or let in, wrongly. */
  | { readonly problems: readonly string[] };

export interface IdentityDecision {
  /** Null: refused. */
  readonly account: string | null;
  /** The line that decided; null: none fits. */
  readonly rule: { readonly line: number; readonly text: string } | null;
}

export function parseIdentityTable(text: string): IdentityParsed {
  if (text.length > IDENTITY_LIMITS.characters) {
    return { problems: [`it has more than ${IDENTITY_LIMITS.characters} characters`] };
  }
  const rules: Rule[] = [];
  const problems: string[] = [];
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (/^\s*(#|$)/.test(line)) continue;
    const rule = parseLine(line, index + 1);
    if (typeof rule === 'string') problems.push(`line ${index + 1}: ${rule}`);
    else rules.push(rule);
  }
  if (rules.length > IDENTITY_LIMITS.lines) {
    problems.push(`it has more than ${IDENTITY_LIMITS.lines} lines`);
  }
  return problems.length > 0 ? { problems } : { table: { rules } };
}

/** `machine`: the host name of the machine that the account is wanted on. */
export function decideIdentity(
  { rules }: IdentityTable,
  name: string,
  machine: string,
): IdentityDecision {
  if (name === '' || name.length > IDENTITY_LIMITS.name) return { account: null, rule: null };
  for (const rule of rules) {
    const groups = rule.isFor(machine) ? rule.fits(name) : null;
    if (groups === null) continue;
    const { line, text } = rule;
    return { account: accountOf(rule.account, groups), rule: { line, text } };
  }
  return { account: null, rule: null };
}

/** Words; those in double quotes may contain blanks, and `\"`. Null when a quote is not closed. */
function wordsOf(line: string): string[] | null {
  const words: string[] = [];
  const word = /\s*(?:"((?:[^"\\]|\\.)*)"|([^\s"]\S*))(?=\s|$)/y;
  for (const end = line.trimEnd().length; word.lastIndex < end; ) {
    const found = word.exec(line);
    if (!found) return null;
    words.push(found[2] ?? found[1]!.replace(/\\(["\\])/g, '$1'));
  }
  return words;
}

function parseLine(text: string, line: number): Rule | string {
  const words = wordsOf(text);
  if (words === null) return 'a quote is not closed';
  const [name, account, machine = '*', ...more] = words;
  if (account === undefined) return 'expected a name and an account';
  if (more.length > 0) return `expected at most three words, found ${words.length}`;
  const fits = nameTest(name!);
  if (typeof fits === 'string') return fits;
  if (account !== '-' && !isAccount(account.replace(/\\[1-9]/g, 'x'))) {
    return `${JSON.stringify(account)} is no name of an account`;
  }
  return { line, text: text.trim(), account, fits, isFor: wordTest(machine) };
}

type NameTest = (name: string) => readonly string[] | null;

function nameTest(pattern: string): NameTest | string {
  if (/^\/.+\/$/.test(pattern)) return regexTest(pattern.slice(1, -1));
  const isWord = wordTest(pattern);
  return (name) => (isWord(name) ? [name] : null);
}

function regexTest(source: string): NameTest | string {
  try {
    const pattern = RE2JS.compile(source);
    return (name) => {
      const matcher = pattern.matcher(name);
      if (!matcher.matches()) return null;
      return Array.from({ length: matcher.groupCount() + 1 }, (_, n) => matcher.group(n) ?? '');
    };
  } catch (error) {
    return `the regular expression is wrong: ${(error as Error).message}`;
  }
}

function wordTest(pattern: string): (word: string) => boolean {
  if (!pattern.endsWith('*')) return (word) => word === pattern;
  const beginning = pattern.slice(0, -1);
  return (word) => word.startsWith(beginning);
}

/** What a name makes of the account must be a name of one again; root never is. */
function accountOf(account: string, groups: readonly string[]): string | null {
  const name = account.replace(/\\([1-9])/g, (_, digit: string) => groups[Number(digit)] ?? '');
  return isAccount(name) && name !== 'root' ? name : null;
}

/** What useradd(8) takes, and `.` and `@`, which directory services use; never a number. */
function isAccount(name: string): boolean {
  return /^[A-Za-z_][\w.@-]{0,254}\$?$/.test(name);
}
