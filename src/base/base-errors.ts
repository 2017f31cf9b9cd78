import { defineErrors } from './errors.ts';

export const baseErrors = defineErrors({
  SETTINGS_INVALID: {
    message: 'the settings are not right: {problems}',
    todo: 'Correct them; `{help}` lists the settings and what they may be.',
    status: 400,
    example: {
      help: 'windrow config --help',
      problems: '/etc/windrow/windrow.conf:3: lease: found "soon", expected a duration like "30 s"',
    },
  },
});
