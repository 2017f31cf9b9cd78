import { defineErrors } from '#base';

export const policyErrors = defineErrors({
  POLICY_FILE_WRONG: {
    message: '{problems}',
    todo: 'Correct the policy file; `windrow policy test AD --file FILE` tries it. docs/guide/policies.md describes it.',
    status: 400,
    example: {
      problems:
        '/etc/windrow/policy.conf:3 (SYSTEM_PERIODIC_HOLD): expected an operand, found the end, at column 13',
    },
  },
  POLICY_FILE_UNREADABLE: {
    message: 'the policy file {file} cannot be read: {why}',
    todo: 'Correct the setting policy-file, or give the user of windrow the right to read it.',
    status: 400,
    example: { file: '/etc/windrow/policy.conf', why: 'there is no such file' },
  },
});
