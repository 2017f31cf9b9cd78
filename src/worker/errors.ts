import { defineErrors } from '#base';

/** Errors of the worker: what stops it, and what stops one attempt before its program runs. */
export const workerErrors = defineErrors({
  PEERS_NONE: {
    message: 'no other worker gives the file {sha256}',
    todo: 'Nothing: it comes from the server.',
    status: 404,
    example: { sha256: 'e3b0c442…' },
  },
  WORKER_SESSION_REFUSED: {
    message: 'the server at {url} does not accept the session of this worker',
    todo: 'give the worker the session of the running server (file "session" in its state directory)',
    status: 403,
    example: { url: 'http://127.0.0.1:8980' },
  },
  WORKER_SERVER_REPLACED: {
    message: 'another server than before answers for {url}',
    todo: 'Nothing: the worker ends what ran for the last one and begins anew.',
    status: 409,
    example: { url: 'http://127.0.0.1:8980' },
  },
  WORKER_SERVER_GONE: {
    message: 'the server could not be reached for {waited}: {reason}',
    todo: 'start the server again, then start this worker again',
    status: 503,
    example: { waited: '5 min', reason: 'connect ECONNREFUSED 127.0.0.1:8980' },
  },
  WORKER_DIRECTORY_BUSY: {
    message: 'the directory {directory} is in use by another worker (process {pid} on {host})',
    todo: 'stop that worker or give this one another --dir; if it is gone for good, remove {lock}',
    status: 409,
    example: { directory: '/var/tmp/windrow', pid: 4711, host: 'node7', lock: 'worker.lock' },
  },
  WORKER_DIRECTORY_UNUSABLE: {
    message: 'the directory {directory} cannot be used: {reason}',
    todo: 'give the worker a directory it may write to, with --dir',
    status: 500,
    example: { directory: '/var/tmp/windrow', reason: 'permission denied' },
  },
  WORKER_NO_SERVER_FOUND: {
    message: 'no running server was found in {file}: {reason}',
    todo: 'start the server, or name it with --server URL',
    status: 503,
    example: { file: '/home/ada/.local/state/windrow/server.json', reason: 'no such file' },
  },
  WORKER_SESSION_UNREADABLE: {
    message: 'stdin brought no session: expected one line of 16 to 512 visible characters',
    todo: 'write the session to the stdin of the worker, or name a file with --session-file',
    status: 500,
    example: {},
  },
  WORKER_NO_BUILD: {
    message: 'the job brings no build of {program} for {platform}, only for {known}',
    todo: 'add a build for {platform} under [programs] in the sweep file',
    status: 415,
    example: { program: 'ising', platform: 'linux-arm64', known: 'linux-x64' },
  },
  WORKER_SUCCESSOR_EXPOSED: {
    message: 'the server at {url} has windrow {version}, which is not fetched over plain HTTP',
    todo: 'give the server TLS, or bring the executable to this machine: windrow start',
    status: 409,
    example: { url: 'http://10.0.0.1:8980', version: '0.2.0' },
  },
  WORKER_SUCCESSOR_WRONG: {
    message: 'the server gave windrow {found} where it had offered {expected}',
    todo: 'make the executables of the server anew: npm run build:executable',
    status: 502,
    example: { expected: '0.2.0', found: '0.1.0' },
  },
});
