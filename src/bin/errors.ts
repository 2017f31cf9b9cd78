import { defineErrors } from '#base';

export const binErrors = defineErrors({
  NODES_UNREADABLE: {
    message: 'the list of machines {file} cannot be read: {reason}',
    todo: 'Name a file with one host a line.',
    status: 400,
    example: { file: 'nodes.txt', reason: 'no such file or directory' },
  },
  LAUNCHER_MISSING: {
    message: 'the launcher was asked for, but it was not built',
    todo: 'Build it with `npm rebuild` where a C compiler (cc) is, or leave --worker-starter out.',
    status: 500,
    example: {},
  },
});
