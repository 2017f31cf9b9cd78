import { messageOf, readBoundedText, systemCodeOf, systemReasonOf } from '#base';
import { policyErrors } from './errors.ts';
import { MACRO_FILE_LIMITS } from './macro-file.ts';
import { type ReadSitePolicy, readSitePolicy } from './site-policy.ts';

/** @param file absolute. @throws WindrowError POLICY_FILE_UNREADABLE, POLICY_FILE_WRONG */
export function readPolicyFile(file: string): ReadSitePolicy {
  return readSitePolicy(textOf(file), file);
}

function textOf(file: string): string {
  try {
    return readBoundedText(file, MACRO_FILE_LIMITS.fileBytes);
  } catch (error) {
    const why = systemCodeOf(error) === undefined ? messageOf(error) : systemReasonOf(error);
    throw policyErrors.create('POLICY_FILE_UNREADABLE', { file, why });
  }
}
