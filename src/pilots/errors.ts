import { defineErrors } from '#base';

/** Errors of putting workers onto machines. */
export const pilotErrors = defineErrors({
  PILOT_WORKER_NOT_STARTED: {
    message: 'the local worker could not be started with {program}: {reason}',
    todo: 'check that {program} is there and may be executed',
    status: 500,
    example: { program: '/usr/bin/node', reason: 'spawn /usr/bin/node ENOENT' },
  },
  PILOT_WORKER_FAILED: {
    message: 'the local worker ended by itself ({how}): {reason}',
    todo: 'read its log {log}, then start it again',
    status: 500,
    example: {
      how: 'exit code 1',
      reason: 'the directory is in use by another worker',
      log: '/home/ada/results/.windrow/worker/worker.log',
    },
  },
  PILOT_NODES_WRONG: {
    message: 'the list of machines is wrong:\n{problems}',
    todo: 'Write one host a line, behind it options like slots=4 user=ada port=22 dir=/scratch via=gate; # begins a comment.',
    status: 400,
    example: {
      problems: 'nodes.txt:3: found slots="many", expected a whole number from 1 to 100000',
    },
  },
});
