import { userInfo } from 'node:os';

/** Of the account that this process runs under; one that the system does not know has its number. */
export function loginName(): string {
  try {
    return userInfo().username;
  } catch {
    return String(process.getuid?.() ?? '');
  }
}
