import { defineErrors } from '#base';

export const cliErrors = defineErrors({
  USAGE_WRONG: {
    message: '{problem}',
    todo: 'See: {help}',
    status: 400,
    example: { problem: "unknown option '--slot'", help: 'windrow run --help' },
  },
  COST_NO_RATES: {
    message: 'nothing has a price: what a job would cost cannot be told',
    todo: 'Set prices in the section [cost] of a settings file (windrow config), or give e.g. --cost-cpu-hour 0.04.',
    status: 400,
    example: {},
  },
  SERVER_NOT_FOUND: {
    message: 'no server was found; looked into {places}',
    todo: 'Start one with `windrow serve`, or name one with --server URL or its state directory with --state DIR.',
    status: 404,
    example: { places: './results/.windrow, /home/ada/.local/state/windrow' },
  },
  SERVER_NOT_RUNNING: {
    message: 'there is a state directory at {state}, but no server runs on it',
    todo: 'To run what failed or is left, run the same `windrow run` again; to change anything else, start one: windrow serve --state {state}',
    status: 409,
    example: { state: './results/.windrow' },
  },
  TOKEN_MISSING: {
    message: 'there is no token for the server {server}: {path} cannot be read ({reason})',
    todo: 'Copy the file admin-token of that server here, mode 0600, and name it with --token-file FILE (or WINDROW_TOKEN_FILE).',
    status: 401,
    example: {
      server: 'http://node1:8980',
      path: '/home/ada/.local/state/windrow/admin-token',
      reason: 'no such file or directory',
    },
  },
  SERVER_FILE_MALFORMED: {
    message: '{path} does not say where the server is: {reason}',
    todo: 'Stop the server and remove the file; the server writes it anew at its next start.',
    status: 500,
    example: { path: '/var/lib/windrow/server.json', reason: 'broken JSON' },
  },
  JOB_NAME_UNKNOWN: {
    message: 'no job is called {name}',
    todo: 'List the jobs with `windrow ls`.',
    status: 404,
    example: { name: 'ising' },
  },
  JOB_NONE: {
    message: 'there is no job yet',
    todo: 'Submit one with `windrow run`.',
    status: 404,
    example: {},
  },
  TASK_NUMBER_WRONG: {
    message: '{found} names no task, expected JOB.TASK like 3.17',
    todo: 'List the tasks of a job with `windrow show JOB --tasks`.',
    status: 400,
    example: { found: '3.x' },
  },
  ERROR_CODE_UNKNOWN: {
    message: 'there is no error {code}',
    todo: 'List them all with `windrow errors`.',
    status: 404,
    example: { code: 'TABLE_TO_SHORT' },
  },
  TRACE_NONE: {
    message: 'there is no trace {what}',
    todo: 'List them with `windrow traces ls`.',
    status: 404,
    example: { what: '1795276800.000000042' },
  },
  TRACE_DAMAGED: {
    message: '{what} is not what its sender sent: the digest is another one',
    todo: 'Look at it where it is stored; `windrow traces verify` tells which files are damaged.',
    status: 502,
    example: { what: '1795276800.000000042/node7.out.zst' },
  },
  TRACE_TARGET_UNSET: {
    message: 'it is not said where traces go with --to {to}',
    todo: 'Give --to URL, or set {setting}.',
    status: 400,
    example: { to: 'central', setting: 'trace-central' },
  },
  EXPORT_PATH_WRONG: {
    message: 'the server names a file {file}, which is no path inside of the target directory',
    todo: 'Do not trust this server.',
    status: 502,
    example: { file: '../../.bashrc' },
  },
  PARAMETERS_UNREADABLE: {
    message: '{file} cannot be read: {reason}',
    todo: 'Name a file that exists and that you may read.',
    status: 400,
    example: { file: 'grid.csv', reason: 'no such file or directory' },
  },
  AD_UNREADABLE: {
    message: 'the ad {file} cannot be read: {reason}',
    todo: 'Name a file that exists and that you may read.',
    status: 400,
    example: { file: 'slot.ad', reason: 'ENOENT: no such file or directory' },
  },
  OUTPUT_FAILED: {
    message: 'output cannot be written to {target}: {reason}',
    todo: 'Make room there, or write to another place.',
    status: 500,
    example: { target: 'stdout', reason: 'no space left on device' },
  },
  RESULT_CHOICE_NEEDED: {
    message: 'task {task} has several results: {names}',
    todo: 'Say which with --name.',
    status: 400,
    example: { task: 3, names: 'energy, field' },
  },
  RESULT_NONE: {
    message: 'task {task} has no result',
    todo: 'See how it ended: windrow show {job}.{task}',
    status: 404,
    example: { job: 1, task: 3 },
  },
  INTERNAL: {
    message: 'something that should not happen happened: {reason}',
    todo: 'This is a fault of windrow. Details are in {log}; please report it with them.',
    status: 500,
    example: { reason: 'x is not a function', log: '/home/ada/.local/state/windrow/crash.log' },
  },
});
