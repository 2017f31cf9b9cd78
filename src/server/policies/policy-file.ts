/** The site's policy file: read at the start, and again whenever it has changed. */
import { createHash } from 'node:crypto';
import { messageOf, WatchedFile } from '#base';
import { NO_SITE_POLICY, printSitePolicy, readPolicyFile } from '#policy';
import type { Core, SiteRules } from '../core.ts';

interface ReadRules {
  readonly rules: SiteRules;
  readonly warnings: readonly string[];
}

/** @throws WindrowError POLICY_FILE_UNREADABLE, POLICY_FILE_WRONG */
function readSiteRules(file: string): ReadRules {
  const { policy, warnings } = readPolicyFile(file);
  const text = printSitePolicy(policy);
  const version = createHash('sha256').update(text).digest('hex').slice(0, 16);
  return { rules: { policy, text, version: text === '' ? '' : version }, warnings };
}

/** Of a site without policies. */
export const NO_SITE_RULES: SiteRules = { policy: NO_SITE_POLICY, text: '', version: '' };

const LOOK_MS = 1000;

/**
 * The server goes by the file from now on, and by what it becomes; one that is wrong later on, perhaps
 * half written, changes nothing. Gives the timer that looks.
 * @throws WindrowError POLICY_FILE_UNREADABLE, POLICY_FILE_WRONG
 */
export function obeyPolicyFile(
  core: Core,
  file: string,
  log: (level: 'info' | 'warn' | 'error', message: string, facts?: object) => void,
): NodeJS.Timeout {
  const read = (): void => {
    const { rules, warnings } = readSiteRules(file);
    core.site = rules;
    for (const warning of warnings) log('warn', warning);
  };
  const watched = new WatchedFile(file);
  read();
  return setInterval(() => {
    if (!watched.hasChanged()) return;
    try {
      read();
      log('info', 'the policy file was read again', { file });
      core.wake();
    } catch (error) {
      const facts = { file, error: messageOf(error) };
      log('error', 'the policy file was not taken; the policies before stay in force', facts);
    }
  }, LOOK_MS);
}
