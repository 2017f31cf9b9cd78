import { defineErrors } from '#base';

export const rulesErrors = defineErrors({
  RULES_FILE_UNREADABLE: {
    message: 'the rules {file} cannot be read: {reason}',
    todo: 'Correct the setting `rules`, or give the account of windrow the right to read it.',
    status: 400,
    example: { file: '/etc/windrow/rules.toml', reason: 'no such file or directory' },
  },
  RULES_FILE_WRONG: {
    message: '{file}: {problems}',
    todo: 'Correct the file; docs/guide/rules.md describes it.',
    status: 400,
    example: { file: '/etc/windrow/rules.toml', problems: 'rules.0.when: expected an operand' },
  },
  RULE_ACTION_FAILED: {
    message: 'the rule {rule} could not {what}: {reason}',
    todo: 'Look at the receiver; what is passing is tried again for about a minute and a half.',
    status: 502,
    example: { rule: 'fatal', what: 'post to https://chat.example', reason: 'HTTP 503' },
  },
});
