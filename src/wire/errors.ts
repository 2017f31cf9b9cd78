import { defineErrors } from '#base';

const SESSION_EXAMPLE = { path: '/var/lib/windrow/session' };

/** What can go wrong between two processes that speak to each other. */
export const wireErrors = defineErrors({
  MESSAGE_MALFORMED: {
    message: 'message malformed at {path}: expected {expected}, found {found}',
    todo: 'Run the same version of windrow on both sides.',
    status: 400,
    example: { path: 'ended[3].usage.wallMs', expected: 'a number from 0', found: '"fast"' },
  },
  PROTOCOL_MISMATCH: {
    message:
      'worker and server do not understand each other: the worker is Windrow {workerVersion} and speaks protocol {workerProtocol}, the server is Windrow {serverVersion} and speaks protocol {serverProtocol}',
    todo: 'Run the same version on both. A worker that is an executable becomes of the version of a newer server by itself, where the server has an executable for its platform.',
    status: 409,
    example: {
      workerVersion: '0.1.0',
      workerProtocol: 1,
      serverVersion: '0.2.0',
      serverProtocol: 2,
    },
  },
  SESSION_WRONG: {
    message: 'the session given is not the one of this server',
    todo: 'Pass the secret in the file `session` of the state directory of the server.',
    status: 403,
    example: {},
  },
  SESSION_RATE_LIMITED: {
    message: 'too many wrong sessions from {address}',
    todo: 'Correct the session, then try again in {retryAfterS} s.',
    status: 429,
    example: { address: '192.0.2.7', retryAfterS: 12 },
  },
  SECRET_FILE_OPEN_TO_OTHERS: {
    message: '{path} holds a secret but others may use it (mode {mode}, expected 0600)',
    todo: "Run: chmod 600 '{path}' — and if others may have read it, remove it and start again.",
    status: 500,
    example: { ...SESSION_EXAMPLE, mode: '0644' },
  },
  SECRET_FILE_FOREIGN: {
    message: '{path} holds a secret but belongs to user id {owner}, not to {expected}',
    todo: 'Use a secret file of your own.',
    status: 500,
    example: { ...SESSION_EXAMPLE, owner: 1001, expected: 1000 },
  },
  SECRET_FILE_MALFORMED: {
    message: '{path} holds no secret: {found}, expected one line of 16 to 512 visible characters',
    todo: 'Copy the file again from where the secret was made.',
    status: 500,
    example: { ...SESSION_EXAMPLE, found: 'an empty file' },
  },
  SECRET_FILE_UNREADABLE: {
    message: '{path} cannot be read: {reason}',
    todo: 'Name a file that exists and that you may read.',
    status: 500,
    example: { ...SESSION_EXAMPLE, reason: 'no such file or directory' },
  },
  SECRET_FILE_UNWRITABLE: {
    message: '{path} cannot be written: {reason}',
    todo: 'Name a directory that exists and that you may write to.',
    status: 500,
    example: { ...SESSION_EXAMPLE, reason: 'permission denied' },
  },
  SERVER_URL_WRONG: {
    message: '"{url}" is no address of a server: {reason}',
    todo: 'Give it as http://HOST:PORT or https://HOST:PORT.',
    status: 400,
    example: { url: 'node17', reason: 'it has no scheme' },
  },
  SERVER_UNREACHABLE: {
    message: 'no server answers at {url}: {reason}',
    todo: 'Check that the server runs there and that this machine may connect to it.',
    status: 503,
    example: { url: 'http://127.0.0.1:8980', reason: 'connection refused' },
  },
  SERVER_UNTRUSTED: {
    message: 'the certificate of {url} is not trusted: {reason}',
    todo: 'Give the address with its fingerprint, https://HOST:PORT#sha256:… (windrow tls show; in settings files in quotes), or name the authority in NODE_EXTRA_CA_CERTS.',
    status: 502,
    example: { url: 'https://node17:8980', reason: 'CERT_HAS_EXPIRED' },
  },
  SERVER_PIN_MISMATCH: {
    message: 'the certificate of {url} is not the one that its address pins; it is {found}',
    todo: 'Somebody may be in between. If the server has a new authority, take its address anew (windrow tls show).',
    status: 502,
    example: { url: 'https://node17:8980', found: 'sha256:9f86d0…' },
  },
  SERVER_CERTIFICATE_EXPIRED: {
    message: 'the certificate of {url} is valid only until {date}',
    todo: 'Make a new one where the server runs: windrow tls renew. Workers go on by themselves.',
    status: 502,
    example: { url: 'https://node17:8980', date: 'Nov 21 16:13:00 2026 GMT' },
  },
  SERVER_SCHEME_WRONG: {
    message: '{url} speaks {expected}, not what its address says',
    todo: 'Give its address with {expected}://; with TLS also the fingerprint behind #.',
    status: 502,
    example: { url: 'http://node17:8980', expected: 'https' },
  },
  SERVER_SILENT: {
    message: '{url} did not answer {method} {path} within {timeoutMs} ms',
    todo: 'Try again; if it stays silent look at the log of the server.',
    status: 504,
    example: { url: 'http://127.0.0.1:8980', method: 'POST', path: '/sync', timeoutMs: 30000 },
  },
  SERVER_CONNECTION_LOST: {
    message: 'the connection to {url} broke during {method} {path}: {reason}',
    todo: 'Try again; the server may or may not have done what was asked. If it speaks TLS, its address begins with https://.',
    status: 502,
    example: {
      url: 'http://127.0.0.1:8980',
      method: 'POST',
      path: '/sync',
      reason: 'ECONNRESET',
    },
  },
  SERVER_ANSWER_TOO_LARGE: {
    message: 'the answer of {url} to {method} {path} is longer than {limitBytes} bytes',
    todo: 'Ask for less at once.',
    status: 502,
    example: { url: 'http://127.0.0.1:8980', method: 'GET', path: '/v1/jobs', limitBytes: 1048576 },
  },
  SERVER_ANSWER_MALFORMED: {
    message: 'the answer of {url} to {method} {path} makes no sense: {reason}',
    todo: 'Check that the address is that of a windrow server, with no other service before it.',
    status: 502,
    example: {
      url: 'http://127.0.0.1:8980',
      method: 'POST',
      path: '/sync',
      reason: 'text/html instead of application/json',
    },
  },
  SERVER_REFUSED: {
    message: '{url} refused {method} {path} with status {status}: {reason}',
    todo: 'Look at the log of the server.',
    status: 502,
    example: {
      url: 'http://127.0.0.1:8980',
      method: 'POST',
      path: '/sync',
      status: 500,
      reason: 'Internal Server Error',
    },
  },
  EXCHANGE_ABORTED: {
    message: '{method} {path} was given up by this side',
    todo: 'Nothing needs to be done.',
    status: 499,
    example: { method: 'POST', path: '/sync' },
  },
  TRANSFER_DAMAGED: {
    message: '{path} came damaged: expected {expected}, found {found}',
    todo: 'Try again; if it stays damaged the copy on the server is.',
    status: 502,
    example: { path: '/blobs/9f86…', expected: 'sha256 9f86…', found: 'sha256 60303…' },
  },
  TRANSFER_TOO_LARGE: {
    message: '{path} is longer than the {limitBytes} bytes that were expected',
    todo: 'Raise the limit if so much is wanted.',
    status: 502,
    example: { path: '/blobs/9f86…', limitBytes: 1048576 },
  },
  UPLOAD_BROKE_OFF: {
    message: '{file} could not be sent to {url}: {reason}',
    todo: 'Run the same command again: what has arrived is not sent again.',
    status: 502,
    example: { file: 'mesh.nc', url: 'http://head:8980', reason: 'connect ECONNREFUSED' },
  },
  FILE_CHANGED: {
    message: '{file} changed while it was sent: expected {expected} bytes, found {found}',
    todo: 'Send a file that nobody writes to.',
    status: 500,
    example: { file: 'out.dat', expected: 4096, found: 1024 },
  },
  FILE_UNUSABLE: {
    message: '{file} cannot be {action}: {reason}',
    todo: 'Correct the path, its permissions or the space on its disk.',
    status: 500,
    example: { file: 'out.dat', action: 'read', reason: 'ENOENT' },
  },
  OPEN_MALFORMED: {
    message: 'byte {offset}, {section}: expected {expected}, found {found}',
    todo: 'Correct what the client sends; docs/guide/open-protocol.md describes the format.',
    status: 400,
    example: {
      offset: 112,
      section: '[Result] 2',
      expected: '--end content--',
      found: 'the end of the body',
    },
  },
  OPEN_TOO_LARGE: {
    message: 'byte {offset}, {section}: {what} has more than {limit}',
    todo: 'Send less, or raise the limit on the side of the server.',
    status: 413,
    example: { offset: 104_857_600, section: '[Result] 1', what: 'a result', limit: '100 MiB' },
  },
  OPEN_MULTIPART_MALFORMED: {
    message: 'the multipart body is malformed: {reason}',
    todo: 'Send multipart/form-data (RFC 7578) with one part per result name.',
    status: 400,
    example: { reason: 'Unexpected end of multipart data' },
  },
  OPEN_UNSPEAKABLE: {
    message: 'task {ticket} cannot be told in the open protocol: {what} holds {found}',
    todo: 'Let a windrow worker run this job, or rename what is named.',
    status: 500,
    example: { ticket: 48213, what: 'the name of an input', found: 'a line break' },
  },
  OPEN_INPUT_CHANGED: {
    message:
      'input {file} of task {ticket} has another length than announced: {found}, not {expected}',
    todo: 'Submit the job again: a file the server keeps was changed.',
    status: 500,
    example: { ticket: 48213, file: 'table.bin', expected: 4096, found: 1024 },
  },
  DISK_FULL: {
    message: '{file} cannot be written: the disk is full ({reason})',
    todo: 'Make room on that disk; what was being sent can be sent again.',
    status: 507,
    example: { file: '/var/lib/windrow/parts/part-00c1', reason: 'ENOSPC' },
  },
});
