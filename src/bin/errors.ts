import { defineErrors } from '#base';

export const binErrors = defineErrors({
  MOUNT_EXPRESSION_WRONG: {
    message:
      'the setting isolation-mount-under-scratch is neither a list of paths nor an expression: {expression} ({reason})',
    todo: 'Write paths separated by commas, or a ClassAd expression ("windrow classad" tries it out).',
    status: 422,
    example: { expression: 'RequestDisk >', reason: 'line 1, column 14: expected a value' },
  },
  JOB_PLUGINS_REFUSED: {
    message: 'this machine runs no transfer plugins of jobs, and so not {plugin}',
    todo: 'Ask its administrator to install the plugin, or to allow job-transfer-plugins.',
    status: 422,
    example: { plugin: 'fetch-tape' },
  },
  SETPRIV_MISSING: {
    message:
      'a transfer plugin of a job cannot run under another account: there is no setpriv here',
    todo: 'Install util-linux on the machine.',
    status: 500,
    example: {},
  },
  WORKER_POLICY_WRONG: {
    message: 'what this machine is to say of itself is wrong: {where}: {problem}{caret}',
    todo: 'Correct it; docs/guide/matching.md shows how policies of machines are written.',
    status: 422,
    example: {
      where: 'worker-start',
      problem: 'expected an operand, found the end, at column 14',
      caret: '\nTARGET.Owner ==\n               ^',
    },
  },
  SANDBOX_NOT_STARTED: {
    message: '{reason}',
    todo: 'Check the command; what it printed may say more. "windrow doctor" tries every wall.',
    status: 422,
    example: { reason: 'cannot start ./ising: there is no such file (ENOENT)' },
  },
  CLUSTER_TOO_SMALL: {
    message: '{up} of {count} machines have a worker, at least {expected} are wanted',
    todo: 'Mend what is wrong with the others, or ask for fewer (--at-least, or at-least under [cluster]).',
    status: 502,
    example: { up: 1, count: 8, expected: 4 },
  },
  NODES_UNREADABLE: {
    message: 'the list of machines {file} cannot be read: {reason}',
    todo: 'Name a file with one host a line.',
    status: 400,
    example: { file: 'nodes.txt', reason: 'no such file or directory' },
  },
  ROOT_KEPT: {
    message: 'it was started by root, and cannot turn to the account {user}',
    todo: 'Make the account (useradd --system windrow), name another with --user, or insist with --user root.',
    status: 500,
    example: { user: 'windrow' },
  },
  DAEMON_RUNS: {
    message: 'a collector runs already: process {pid}, says {path}',
    todo: 'Stop it first, or give this one another --pidfile, --port and --state.',
    status: 409,
    example: { pid: 4711, path: '/run/windrow-traps.pid' },
  },
  DAEMON_NOT_STARTED: {
    message: 'the daemon ended before it served',
    todo: 'Its log says why: {log}',
    status: 500,
    example: { log: '/var/log/windrow-traps.log' },
  },
  PID_FILE_FAILED: {
    message: 'the process id cannot be written to {path}: {reason}',
    todo: 'Name another place with --pidfile.',
    status: 500,
    example: { path: '/run/windrow-traps.pid', reason: 'permission denied' },
  },
  LOG_FILE_FAILED: {
    message: 'the log cannot be written to {path}: {reason}',
    todo: 'Name another place with --logfile.',
    status: 500,
    example: { path: '/var/log/windrow-traps.log', reason: 'permission denied' },
  },
  LAUNCHER_MISSING: {
    message: 'the launcher was asked for, but it was not built',
    todo: 'Build it with `npm rebuild` where a C compiler (cc) is, or leave --worker-starter out.',
    status: 500,
    example: {},
  },
  EXECUTABLE_DAMAGED: {
    message: 'this executable is damaged: {file} in it is not what was put there',
    todo: 'Copy it here again, and compare its SHA-256 with that of the original.',
    status: 500,
    example: { file: 'windrow.cjs' },
  },
  EXECUTABLE_NO_PLACE: {
    message: 'there is no place where this executable can unpack what it carries ({reasons})',
    todo: 'Set XDG_CACHE_HOME to a directory that you alone can write to, with 10 MB of room.',
    status: 500,
    example: { reasons: '/home/ada/.cache/windrow/parts: permission denied' },
  },
});
