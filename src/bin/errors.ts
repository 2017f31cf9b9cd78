import { defineErrors } from '#base';

export const binErrors = defineErrors({
  PART_MISSING: {
    message: 'this build of windrow cannot {what} yet',
    todo: 'Use a build that has this part.',
    status: 501,
    example: { what: 'serve' },
  },
});
