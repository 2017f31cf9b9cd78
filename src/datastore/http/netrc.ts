/** `.netrc`, as ftp, curl and others read it: logins by host. */
import type { Login } from '../transport.ts';

export interface NetrcEntry {
  /** Lower case; null: `default`, for all other hosts. */
  readonly host: string | null;
  readonly login: Login;
}

/** Never throws: what is not understood is passed over, as others do. */
export function parseNetrc(text: string): NetrcEntry[] {
  const words = wordsOf(text);
  const entries: NetrcEntry[] = [];
  let open: { host: string | null; user: string; password: string } | null = null;
  const close = () => {
    if (open?.user || open?.password) {
      entries.push({ host: open.host, login: { user: open.user, password: open.password } });
    }
    open = null;
  };
  for (let at = 0; at < words.length; at++) {
    const word = words[at]!;
    if (word === 'machine' || word === 'default') {
      close();
      const host = word === 'machine' ? (words[++at] ?? '').toLowerCase() : null;
      open = { host, user: '', password: '' };
    } else if (word === 'login' && open !== null) open.user = words[++at] ?? '';
    else if (word === 'password' && open !== null) open.password = words[++at] ?? '';
    else if (word === 'account') at++;
  }
  close();
  return entries;
}

/** Words, quoted ones with `\` for any character; a macro is passed over up to its empty line. */
function wordsOf(text: string): string[] {
  const words: string[] = [];
  let isMacro = false;
  for (const line of text.split(/\r?\n/)) {
    if (isMacro) {
      isMacro = line.trim() !== '';
      continue;
    }
    for (const [, quoted, plain] of line.matchAll(/"((?:[^"\\]|\\.)*)"|(\S+)/g)) {
      if (quoted === undefined && plain?.startsWith('#') && !isValueNext(words)) break;
      if (plain === 'macdef') {
        isMacro = true;
        break;
      }
      words.push(quoted === undefined ? plain! : quoted.replace(/\\(.)/g, '$1'));
    }
  }
  return words;
}

/** A password may begin with `#`. */
function isValueNext(words: readonly string[]): boolean {
  return ['machine', 'login', 'password', 'account'].includes(words.at(-1) ?? '');
}

export function netrcLogin(entries: readonly NetrcEntry[], host: string): Login | null {
  const found = entries.find((entry) => entry.host === host.toLowerCase());
  return (found ?? entries.find((entry) => entry.host === null))?.login ?? null;
}
