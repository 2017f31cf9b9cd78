/** Text with macros as a tree: `$(name)`, `$(name:default)`, `$FUNCTION(…)`; `$$(…)` stays text. */
export type MacroPart =
  | { readonly kind: 'text'; readonly text: string }
  | {
      readonly kind: 'value';
      readonly name: string;
      readonly fallback: MacroText | null;
    }
  | { readonly kind: 'call'; readonly name: string; readonly body: string }
  /** `$$(Attribute)`, `$$(Attribute:default)` or `$$([expression])`: of the machine. */
  | { readonly kind: 'machine'; readonly body: string };

export type MacroText = readonly MacroPart[];

const CALL_NAME =
  /^(?:ENV|RANDOM_CHOICE|RANDOM_INTEGER|CHOICE|INT|REAL|STRING|EVAL|SUBSTR|DIRNAME|BASENAME|F[pdnxfuwbqa]*)$/;
const VALUE_NAME = /^\s*([A-Za-z_][\w.]*)\s*(?::(.*))?$/s;

/** Splits text; what only looks like a macro (`$(1 2)`, `$FOO(x)`, a lone `$`) is text. */
export function parseMacros(text: string): MacroText {
  const parts: MacroPart[] = [];
  let plain = '';
  let at = 0;
  const push = (part: MacroPart) => {
    if (plain !== '') parts.push({ kind: 'text', text: plain });
    plain = '';
    parts.push(part);
  };
  while (at < text.length) {
    const dollar = text.indexOf('$', at);
    if (dollar === -1) break;
    plain += text.slice(at, dollar);
    const found = readMacro(text, dollar);
    if (found) push(found.part);
    else plain += '$';
    at = found ? found.end : dollar + 1;
  }
  plain += text.slice(at);
  if (plain !== '') parts.push({ kind: 'text', text: plain });
  return parts;
}

function readMacro(text: string, dollar: number): { part: MacroPart; end: number } | null {
  const head = /\$(\$)?([A-Za-z_]*)\(/y;
  head.lastIndex = dollar;
  const found = head.exec(text);
  if (!found) return null;
  const [whole, isMachine, name = ''] = found;
  const bodyStart = dollar + whole.length;
  const close = closing(text, bodyStart);
  if (close === -1) return null;
  const body = text.slice(bodyStart, close);
  const part = isMachine ? machineOf(name, body) : partOf(name, body);
  return part && { part, end: close + 1 };
}

function machineOf(name: string, body: string): MacroPart | null {
  return name === '' ? { kind: 'machine', body } : null;
}

function partOf(name: string, body: string): MacroPart | null {
  if (name !== '') return CALL_NAME.test(name) ? { kind: 'call', name, body } : null;
  const value = VALUE_NAME.exec(body);
  // The name itself may be made of macros: $($(which)_file).
  if (!value) return /\$/.test(body) ? { kind: 'call', name: '', body } : null;
  const [, valueName, fallback] = value;
  return {
    kind: 'value',
    name: valueName!.toLowerCase(),
    fallback: fallback === undefined ? null : parseMacros(fallback),
  };
}

/** The parenthesis that ends a body which begins at `start`; -1 when there is none. */
function closing(text: string, start: number): number {
  let depth = 1;
  for (let at = start; at < text.length; at++) {
    if (text[at] === '(') depth++;
    else if (text[at] === ')' && --depth === 0) return at;
  }
  return -1;
}

/** Parts of a function's body at commas outside parentheses. */
export function splitArguments(body: string): string[] {
  const found: string[] = [];
  let depth = 0;
  let from = 0;
  for (let at = 0; at < body.length; at++) {
    if (body[at] === '(') depth++;
    else if (body[at] === ')') depth--;
    else if (body[at] === ',' && depth === 0) {
      found.push(body.slice(from, at));
      from = at + 1;
    }
  }
  found.push(body.slice(from));
  return found.map((one) => one.trim());
}
