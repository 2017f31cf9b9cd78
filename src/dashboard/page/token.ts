/**
 * The admin token, for as long as this tab is open. It is in no cookie and no address: no other page
 * can make the browser send it, and no log of anybody holds it.
 */
const KEY = 'windrow-token';

export function readToken(): string {
  return sessionStorage.getItem(KEY) ?? '';
}

export function keepToken(token: string): void {
  sessionStorage.setItem(KEY, token);
}

export function forgetToken(): void {
  sessionStorage.removeItem(KEY);
}
