/**
 * Where the placeholders of a shell command stand, by the quoting rules of POSIX sh (Shell Command
 * Language, 2.2 Quoting, 2.3 Token Recognition, 2.7.4 Here-Document).
 *
 * The answer decides how a value enters the command. A mistake must never let a value become code,
 * so there are two ways:
 *
 * - A command with nothing but words, `'…'`, `"…"` and `\x` is understood completely (`simple`); the
 *   values are written into it, quoted for their place.
 * - As soon as there is more — `$(…)`, `${…}`, backquotes, here-documents, `#` — the values are
 *   given to variables before the command and it refers to them. The shell never reads a value as
 *   syntax then; the place only decides on the quotes round the reference, i.e. on splitting.
 *
 * Where even that could go wrong (arithmetic is evaluated again by some shells; backquotes change
 * what quotes mean) the placeholder is refused with what to write instead.
 */
export type Place = 'plain' | 'single' | 'double' | 'here-document' | 'comment';

export interface PlaceFault {
  /** Number of the placeholder, or the last one before the fault when it is about none. */
  readonly placeholder: number;
  readonly context: string;
  readonly advice: string;
}

export interface ShellPlaces {
  /** One for each placeholder, in order. */
  readonly places: readonly Place[];
  readonly simple: boolean;
  readonly faults: readonly PlaceFault[];
}

const INSIDE_BRACES = `inside \${…}`;
const MAX_DEPTH = 100;
const MAX_INDEX = 200;

/** Stands for a placeholder in the scanned text; no command can hold a NUL itself. */
export const MARK = '\0';

interface HereDocument {
  readonly delimiter: string;
  readonly quoted: boolean;
  readonly tabs: boolean;
}

interface Scan {
  readonly text: string;
  at: number;
  simple: boolean;
  readonly places: Place[];
  readonly faults: PlaceFault[];
  waiting: HereDocument[];
  /** Substitutions open inside double quotes or here-documents. */
  quotedSubstitutions: number;
  /** Parentheses and braces open, bounded so that no command can exhaust the stack. */
  depth: number;
}

const ADVICE = {
  arithmetic: 'Put the value into a variable first, and check that it is a number',
  oldArithmetic: 'Write $((…)) instead of $[…], or a \\ before the dollar',
  test: 'Write [ … ] instead of [[ … ]]',
  element: 'Write the bracket in quotes where it is text: name"["$value"]"',
  backquotes: 'Write $(…) instead of backquotes',
  braces: 'Put the value into a variable first: v=$name; then use it, e.g. $${v:-x}',
  quotedHereDocument:
    'Write the delimiter without quotes (and $$ for dollars of the text), or make the text an input file in [inputs]',
  delimiter: 'Choose a fixed word that ends the here-document',
  dollar: 'Write \\$$ for a dollar in front of a value',
  backslash: 'Write \\$$name for the text $name, or remove the backslash for the value',
  ansiQuotes: 'Shells differ in what $\'…\' means; use "$(printf …)"',
  open: 'Close it',
  caseWord: 'Give its output to a variable first: v=$(case … esac); then use "$$v"',
} as const;

/** `text` holds `MARK` for each placeholder. */
export function findShellPlaces(text: string): ShellPlaces {
  const scan: Scan = {
    text,
    at: 0,
    simple: true,
    places: [],
    faults: [],
    waiting: [],
    quotedSubstitutions: 0,
    depth: 0,
  };
  scanPlain(scan, false);
  if (!scan.simple && scan.faults.length === 0 && reachesArithmetic(text)) {
    scan.faults.push({ placeholder: 0, context: 'after (( without ))', advice: ADVICE.arithmetic });
  }
  return { places: scan.places, simple: scan.simple, faults: scan.faults };
}

/** Independent of the walk: whether a placeholder stands between any `((` and the next `))`. */
function reachesArithmetic(text: string): boolean {
  for (let start = text.indexOf('(('); start !== -1; ) {
    const close = text.indexOf('))', start + 2);
    const end = close === -1 ? text.length : close;
    const next = text.indexOf(MARK, start);
    if (next !== -1 && next < end) return true;
    start = text.indexOf('((', end);
  }
  return false;
}

/** Unquoted text, to the end or to the `)` that closes a substitution or subshell. */
function scanPlain(scan: Scan, nested: boolean): void {
  if (!enter(scan)) return;
  const { text } = scan;
  let wordStart = true;
  while (scan.at < text.length) {
    const char = text[scan.at]!;
    const startsWord: boolean = wordStart;
    wordStart = /[\s;&|()<>]/.test(char);
    if (char === ')' && nested) {
      scan.at++;
      scan.depth--;
      return;
    }
    if (startsWord) checkWord(scan);
    if (char === '\\' && text[scan.at + 1] === '\n') wordStart = startsWord;
    if (char === '#') scanHash(scan, startsWord);
    else if (char === "'") scanSingle(scan);
    else if (char === '"') scanDouble(scan);
    else if (char === '\n') scanNewline(scan);
    else if (text.startsWith('((', scan.at)) scanArithmetic(scan, 2);
    else if (char === '(') {
      scan.at++;
      scanPlain(scan, true);
    } else if (text.startsWith('<<', scan.at)) scanHereOperator(scan);
    else scanShared(scan, 'plain');
  }
  if (nested) fault(scan, 'after a parenthesis that is never closed', ADVICE.open);
}

function scanHash(scan: Scan, comment: boolean): void {
  scan.simple = false;
  scan.at++;
  while (comment && scan.at < scan.text.length && scan.text[scan.at] !== '\n') {
    if (scan.text[scan.at] === MARK) scan.places.push('comment');
    scan.at++;
  }
}

function scanSingle(scan: Scan): void {
  scan.at++;
  while (scan.at < scan.text.length) {
    const char = scan.text[scan.at++];
    if (char === "'") return;
    if (char === MARK) scan.places.push('single');
  }
  fault(scan, "after a ' that is never closed", ADVICE.open);
}

function scanDouble(scan: Scan): void {
  scan.at++;
  while (scan.at < scan.text.length) {
    if (scan.text[scan.at] === '"') {
      scan.at++;
      return;
    }
    scanShared(scan, 'double');
  }
  fault(scan, 'after a " that is never closed', ADVICE.open);
}

/** What means the same in plain text, double quotes and here-documents; one step. */
function scanShared(scan: Scan, place: 'plain' | 'double' | 'here-document'): void {
  const { text, at } = scan;
  const char = text[at]!;
  const next = text[at + 1];
  if (char === MARK) mark(scan, place);
  else if (char === '\\') {
    scan.at += next === MARK ? 1 : 2;
    if (next === MARK) refuse(scan, 'behind a backslash', ADVICE.backslash);
  } else if (char === '`') scanBackquotes(scan);
  else if (char === '$' && next === MARK) {
    scan.at++;
    refuse(scan, 'directly behind a dollar', ADVICE.dollar);
  } else if (char === '$' && next === "'" && place === 'plain') {
    scan.at++;
    fault(scan, "in a command with $'…'", ADVICE.ansiQuotes);
  } else if (text.startsWith('$((', at)) scanArithmetic(scan, 3);
  else if (char === '$' && next === '(') scanSubstitution(scan, place !== 'plain');
  else if (char === '$' && next === '{') scanBraces(scan);
  else if (char === '$' && next === '[') {
    scan.at++;
    fault(scan, 'in a command with $[…]', ADVICE.oldArithmetic);
  } else scan.at++;
}

function scanSubstitution(scan: Scan, quoted: boolean): void {
  scan.simple = false;
  scan.at += 2;
  if (quoted) scan.quotedSubstitutions++;
  scanPlain(scan, true);
  if (quoted) scan.quotedSubstitutions--;
}

/**
 * Words that give what follows another meaning. Bash reads the operands of `[[ … ]]` and the index
 * in `name[…]` as arithmetic, which can run commands, whatever the quotes.
 */
function checkWord(scan: Scan): void {
  const { text, at } = scan;
  if (scan.quotedSubstitutions > 0) checkCase(scan);
  if (/^\[\[\s/.test(text.slice(at, at + 3)) && text.includes(MARK, at)) {
    faultAt(scan, 1, 'behind a [[', ADVICE.test);
  }
  if (indexHoldsMark(text, at)) faultAt(scan, 1, 'as the index in name[…]', ADVICE.element);
}

/** Whether the word at `at` is `name[` and a placeholder stands before its `]`. */
function indexHoldsMark(text: string, at: number): boolean {
  const word = /[A-Za-z_]\w*\[/y;
  word.lastIndex = at;
  if (!word.test(text)) return false;
  let depth = 1;
  const end = Math.min(text.length, word.lastIndex + MAX_INDEX);
  for (let i = word.lastIndex; i < end && text[i] !== '\n'; i++) {
    const char = text[i]!;
    if (char === MARK) return true;
    if (char === '[') depth++;
    // Behind a quote the brackets cannot be told apart by counting.
    if (char === '"' || char === "'" || char === '\\') depth = Number.POSITIVE_INFINITY;
    if (char === ']' && --depth === 0) return false;
  }
  return false;
}

/** The `)` of `case` patterns cannot be told from the one that ends the substitution. */
function checkCase(scan: Scan): void {
  if (!/^case\s/.test(scan.text.slice(scan.at, scan.at + 5))) return;
  const before = scan.text.slice(Math.max(0, scan.at - 100), scan.at);
  if (!/(?:[;&|({\n]|\b(?:do|then|else))\s*$/.test(before)) return;
  fault(scan, 'together with a case inside "$(…)"', ADVICE.caseWord);
}

function scanArithmetic(scan: Scan, openLength: number): void {
  if (!enter(scan)) return;
  scan.simple = false;
  scan.at += openLength;
  for (let depth = 2; scan.at < scan.text.length && depth > 0; ) {
    const char = scan.text[scan.at]!;
    if (char === '(') depth++;
    if (char === ')') depth--;
    if (char === MARK) refuse(scan, 'inside ((…))', ADVICE.arithmetic);
    else if (/['"\\]/.test(char)) {
      scan.at++;
      fault(scan, 'together with quotes inside ((…))', ADVICE.arithmetic);
    } else if (char === '$' || char === '`') scanShared(scan, 'plain');
    else scan.at++;
  }
  scan.depth--;
}

function scanBackquotes(scan: Scan): void {
  scan.simple = false;
  scan.at++;
  while (scan.at < scan.text.length) {
    const char = scan.text[scan.at];
    if (char === MARK) {
      refuse(scan, 'inside backquotes', ADVICE.backquotes);
      continue;
    }
    scan.at += char === '\\' && scan.text[scan.at + 1] !== MARK ? 2 : 1;
    if (char === '`') return;
  }
  fault(scan, 'after a backquote that is never closed', ADVICE.open);
}

/** A parameter expansion of the shell's own, e.g. `${HOME:-"x"}`. */
function scanBraces(scan: Scan): void {
  if (!enter(scan)) return;
  scan.simple = false;
  scan.at += 2;
  while (scan.at < scan.text.length) {
    const char = scan.text[scan.at]!;
    if (char === '}') {
      scan.at++;
      scan.depth--;
      return;
    }
    if (char === MARK) refuse(scan, INSIDE_BRACES, ADVICE.braces);
    else if (char === '\\') scan.at += 2;
    else if (scan.text.startsWith('${', scan.at)) scanBraces(scan);
    else if (char === "'" || char === '"') scanUntil(scan, char, INSIDE_BRACES, ADVICE.braces);
    else scan.at++;
  }
  fault(scan, 'after a ${ that is never closed', ADVICE.open);
}

/** Skips to `end`; placeholders before it are refused. */
function scanUntil(scan: Scan, end: string, context: string, advice: string): void {
  scan.simple = false;
  scan.at++;
  while (scan.at < scan.text.length) {
    const char = scan.text[scan.at]!;
    if (char === MARK) {
      refuse(scan, context, advice);
      continue;
    }
    scan.at++;
    if (char === end) return;
  }
}

function scanHereOperator(scan: Scan): void {
  if (scan.text.startsWith('<<<', scan.at)) {
    scan.at += 3;
    return;
  }
  scan.simple = false;
  const operator = /<<(-?)[ \t]*((?:'[^']*'|"[^"]*"|\\.|[^\s;&|()<>'"\\])+)/y;
  operator.lastIndex = scan.at;
  const found = operator.exec(scan.text);
  scan.at += found ? found[0].length : 2;
  if (!found) return;
  const word = found[2]!;
  for (const _ of word.matchAll(/\0/g)) {
    scan.places.push('plain');
    fault(scan, 'in the word that ends a here-document', ADVICE.delimiter);
  }
  const delimiter = word.replace(/\\(.)|['"]/g, '$1');
  scan.waiting.push({ delimiter, quoted: delimiter !== word, tabs: found[1] === '-' });
}

function scanNewline(scan: Scan): void {
  scan.at++;
  const documents = scan.waiting;
  scan.waiting = [];
  for (const document of documents) scanHereDocument(scan, document);
}

function scanHereDocument(scan: Scan, { delimiter, quoted, tabs }: HereDocument): void {
  let lineStart = true;
  while (scan.at < scan.text.length) {
    if (lineStart && endsHere(scan, delimiter, tabs)) return;
    const char = scan.text[scan.at]!;
    lineStart = char === '\n';
    if (lineStart) scan.at++;
    else if (!quoted) scanShared(scan, 'here-document');
    else if (char === MARK) {
      refuse(scan, 'in a here-document with a quoted delimiter', ADVICE.quotedHereDocument);
    } else scan.at++;
  }
}

function endsHere(scan: Scan, delimiter: string, tabs: boolean): boolean {
  const newline = scan.text.indexOf('\n', scan.at);
  const end = newline === -1 ? scan.text.length : newline;
  const line = scan.text.slice(scan.at, end);
  if ((tabs ? line.replace(/^\t+/, '') : line) !== delimiter) return false;
  scan.at = newline === -1 ? end : end + 1;
  return true;
}

function enter(scan: Scan): boolean {
  if (++scan.depth <= MAX_DEPTH) return true;
  fault(scan, `inside more than ${MAX_DEPTH} parentheses`, 'Write the command as a script file');
  scan.at = scan.text.length;
  return false;
}

function mark(scan: Scan, place: Place): void {
  scan.places.push(place);
  scan.at++;
}

/** Refuses the placeholder at the current place and goes on behind it. */
function refuse(scan: Scan, context: string, advice: string): void {
  mark(scan, 'plain');
  fault(scan, context, advice);
}

function fault(scan: Scan, context: string, advice: string): void {
  faultAt(scan, 0, context, advice);
}

/** `ahead` 1: about the next placeholder instead of the last one. */
function faultAt(scan: Scan, ahead: 0 | 1, context: string, advice: string): void {
  const placeholder = Math.max(0, scan.places.length - 1 + ahead);
  scan.faults.push({ placeholder, context, advice });
}
