import { defineErrors } from '#base';

export const serverErrors = defineErrors({
  JOB_UNKNOWN: {
    message: 'there is no job {job}',
    todo: 'List the jobs with: windrow ls',
    status: 404,
    example: { job: 7 },
  },
  JOB_REMOVED: {
    message: 'job {job} was removed; nothing of it runs any more',
    todo: 'Submit the sweep again.',
    status: 409,
    example: { job: 7 },
  },
  TASK_UNKNOWN: {
    message: 'job {job} has no task {task}; its tasks are 0 to {last}',
    todo: 'List the tasks with: windrow show {job}',
    status: 404,
    example: { job: 7, task: 12, last: 9 },
  },
  TABLE_UNKNOWN: {
    message: 'the server has no parameter table {table}',
    todo: 'Upload it first (PUT /v1/tables), then submit the job.',
    status: 409,
    example: { table: 'e3b0c442-csv' },
  },
  BLOB_UNKNOWN: {
    message: 'the server has no file with the SHA-256 {sha256}, which the job needs for {use}',
    todo: 'Upload it first (PUT /v1/blobs/{sha256}), then submit the job.',
    status: 409,
    example: { sha256: 'e3b0c442…', use: 'the input model.ini' },
  },
  BLOB_NOT_FOUND: {
    message: 'the server has no file with the SHA-256 {sha256}',
    todo: 'Upload it with PUT /v1/blobs/{sha256}.',
    status: 404,
    example: { sha256: 'e3b0c442…' },
  },
  BLOB_DIGEST_WRONG: {
    message: 'the bytes that came have the SHA-256 {found}, not {expected}',
    todo: 'Send the file again; it may have changed while it was read.',
    status: 422,
    example: { found: 'e3b0c442…', expected: '9f86d081…' },
  },
  UPLOAD_CUT: {
    message: 'the upload ended after {bytes} bytes, before its end',
    todo: 'Send it again; nothing of it was kept.',
    status: 400,
    example: { bytes: 65536 },
  },
  UPLOAD_TOO_LARGE: {
    message: 'the upload is larger than the {limit} bytes that are allowed here',
    todo: 'Send less, or raise the limit (result-size in the sweep file).',
    status: 413,
    example: { limit: 1073741824 },
  },
  TICKET_NOT_CURRENT: {
    message: 'ticket {ticket} is not current any more',
    todo: 'Stop the program; its result is not wanted.',
    status: 410,
    example: { ticket: 48213 },
  },
  TOKEN_WRONG: {
    message: 'wrong or missing token',
    todo: 'Send the secret in the file admin-token of the state directory as Authorization: Bearer.',
    status: 401,
    example: {},
  },
  ROUTE_UNKNOWN: {
    message: 'there is nothing at {method} {path}',
    todo: 'See /v1/openapi.json for what there is.',
    status: 404,
    example: { method: 'GET', path: '/v2/jobs' },
  },
  USER_CODE_REFUSED: {
    message:
      'this server does not run code of its users ({what}), because others than its own account can reach it',
    todo: 'Validate and collect where you are (windrow results), or use a server that listens on this machine alone.',
    status: 403,
    example: { what: 'validate = "./validate.ts"' },
  },
  OUTPUT_UNWRITABLE: {
    message: 'the output directory {directory} cannot be written: {why}',
    todo: 'Check its owner and mode, or give another one with --output.',
    status: 422,
    example: { directory: '/results', why: 'permission denied' },
  },
  PORT_TAKEN: {
    message: 'the address {address} is in use by another program',
    todo: 'Give another one with --listen HOST:PORT; port 0 picks a free one.',
    status: 500,
    example: { address: '127.0.0.1:8980' },
  },
  LISTEN_FAILED: {
    message: 'cannot listen on {address}: {why}',
    todo: 'Give an address of this machine with --listen HOST:PORT.',
    status: 500,
    example: { address: '10.1.2.3:8980', why: 'address not available' },
  },
  LISTEN_INSECURE: {
    message: 'listening on {address} would send the session secret unencrypted over the network',
    todo: 'Listen on 127.0.0.1, or add --insecure if the network is yours alone.',
    status: 400,
    example: { address: '0.0.0.0:8980' },
  },
  REQUEST_TOO_LARGE: {
    message: 'the request is larger than this route takes ({limit} bytes)',
    todo: 'Send it in smaller pieces.',
    status: 413,
    example: { limit: 67108864 },
  },
  REQUEST_MALFORMED: {
    message: 'the request cannot be read: {why}',
    todo: 'See /v1/openapi.json for what is expected.',
    status: 400,
    example: { why: 'the body is not JSON' },
  },
  OUTPUT_FILE_UNKNOWN: {
    message: 'job {job} has no collected file {file}',
    todo: 'List them with: windrow results {job}',
    status: 404,
    example: { job: 7, file: 'energy' },
  },
  RESULT_UNKNOWN: {
    message: 'task {task} of job {job} has no result named {name}',
    todo: 'See which results it has with: windrow show {job}.{task}',
    status: 404,
    example: { job: 7, task: 3, name: 'energy' },
  },
  SERVER_STOPPING: {
    message: 'the server is stopping',
    todo: 'Start it again, then repeat; nothing is lost.',
    status: 503,
    example: {},
  },
  WORKER_UNKNOWN: {
    message: 'there is no worker {worker}',
    todo: 'List them with GET /v1/workers.',
    status: 404,
    example: { worker: 'host-7f3a' },
  },
  SERVER_FAULT: {
    message: 'something went wrong inside the server',
    todo: 'Look into its log, and report it with the lines around this time.',
    status: 500,
    example: {},
  },
});
