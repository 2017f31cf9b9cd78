import { defineErrors } from '#base';

export const binErrors = defineErrors({
  LAUNCHER_MISSING: {
    message: 'the launcher was asked for, but it was not built',
    todo: 'Build it with `npm rebuild` where a C compiler (cc) is, or leave --worker-starter out.',
    status: 500,
    example: {},
  },
});
