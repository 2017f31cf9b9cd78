/**
 * The admin token, for as long as this tab is open. It is in no cookie and no address: no other page
 * can make the browser send it, and no log of anybody holds it.
 */
const KEY = 'windrow-token';
const GIVEN = /^#token=([\w.~-]{1,512})$/;

export function readToken(): string {
  return sessionStorage.getItem(KEY) ?? '';
}

export function keepToken(token: string): void {
  sessionStorage.setItem(KEY, token);
}

export function forgetToken(): void {
  sessionStorage.removeItem(KEY);
}

/** What a link gave behind `#token=`, which browsers keep to themselves; the address loses it. */
export function takeGivenToken(): void {
  const token = GIVEN.exec(location.hash)?.[1];
  if (token === undefined) return;
  keepToken(token);
  history.replaceState(null, '', '#/jobs');
}
