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
  PILOT_NO_EXECUTABLE: {
    message: 'there is no executable of Windrow {version} for {platform} (in {folder}: {found})',
    todo: 'make it with `npm run build:executable` in the sources, or put its file and executables.json into {folder}',
    status: 404,
    example: {
      version: '0.1.0',
      platform: 'linux-arm64',
      folder: '/opt/windrow/build/executable',
      found: 'none',
    },
  },
  PILOT_EXECUTABLES_UNREADABLE: {
    message: 'the description of executables {file} cannot be read: {reason}',
    todo: 'make it again with `npm run build:executable`, or remove it',
    status: 500,
    example: { file: '/opt/windrow/build/executable/executables.json', reason: 'EACCES' },
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
