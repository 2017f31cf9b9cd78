import { defineErrors } from '#base';

export const tracesErrors = defineErrors({
  TRACE_NAME_UNSAFE: {
    message: '{what} {name} is refused: {reason}',
    todo: 'Send a plain name: letters, digits and signs, without separators, at most 224 bytes.',
    status: 400,
    example: { what: 'the file name', name: '"../passwd"', reason: 'it has a separator' },
  },
  TRACE_FIELD_MISSING: {
    message: 'the upload has no {field}',
    todo: 'Send username, id and a file with its name.',
    status: 400,
    example: { field: 'id' },
  },
  TRACE_ACCOUNT_WRONG: {
    message: 'this collector does not take uploads of that account',
    todo: 'Give the account name that the collector expects (trace-account).',
    status: 403,
    example: {},
  },
  TRACE_SECRET_WRONG: {
    message: 'the upload secret is missing or wrong',
    todo: 'Give the secret of the collector (trace-secret-file), with curl as `-u NAME:SECRET`.',
    status: 403,
    example: {},
  },
  TRACE_CERTIFICATE_MISSING: {
    message:
      'this collector takes uploads only with a certificate of the authority that it was given',
    todo: 'Send with a certificate that it signed: trace-cert and trace-key (trace-client-ca on the collector).',
    status: 403,
    example: {},
  },
  TRACE_PLAIN_HTTP: {
    message: 'uploads over plain HTTP are refused',
    todo: 'Upload to an https:// address, or allow plain HTTP on both sides with --insecure.',
    status: 403,
    example: {},
  },
  TRACE_FORM_MALFORMED: {
    message: 'the form is malformed: {why}',
    todo: 'Send multipart/form-data with a single way of ending lines, and all of it.',
    status: 400,
    example: { why: 'it ends before the last boundary' },
  },
  TRACE_TOO_LARGE: {
    message: 'the file has more than {limit}',
    todo: 'Send less, or raise trace-file-limit on the collector.',
    status: 413,
    example: { limit: '16 GiB' },
  },
  TRACE_ID_FULL: {
    message: 'trace {id} may have no more than {limit}',
    todo: 'Use another trace id, or raise trace-id-limit or trace-id-files on the collector.',
    status: 413,
    example: { id: '1795276800.000000001', limit: '10000 files' },
  },
  TRACE_DISK_FULL: {
    message: 'the disk of the trace store is full; what came so far is kept for {kept}',
    todo: 'Free space there; senders go on where they were.',
    status: 507,
    example: { kept: '7 d' },
  },
  TRACE_DIGEST_WRONG: {
    message: '{name} came with SHA-256 {found}, announced was {expected}; it was not stored',
    todo: 'Send it again; if it happens again, the file changed while it was sent.',
    status: 460,
    example: { name: 'node7.out.zst', found: '9f86d0…', expected: '60303a…' },
  },
  TRACE_UPLOAD_UNKNOWN: {
    message: 'there is no such upload',
    todo: 'Begin the upload again.',
    status: 404,
    example: {},
  },
  TRACE_UNKNOWN: {
    message: 'there is no trace {what}',
    todo: 'See `windrow traces ls`.',
    status: 404,
    example: { what: '1795276800.000000001/node7.out.zst' },
  },
  TRACE_BUSY: {
    message: 'too many uploads at once',
    todo: 'Try again in a moment; clients of Windrow do so by themselves.',
    status: 503,
    example: {},
  },
  TRACE_STORE_FAILED: {
    message: 'the trace store {directory} cannot be used: {reason}',
    todo: 'Give a directory that this account may write to.',
    status: 500,
    example: { directory: '/srv/traces', reason: 'permission denied' },
  },
  TRACE_DIRECTORY_FAILED: {
    message: 'the trace directory {directory} cannot be searched: {reason}',
    todo: 'Give the directory with --dir.',
    status: 400,
    example: { directory: '/var/log/traces', reason: 'no such file or directory' },
  },
  TRACE_TOO_MANY: {
    message: '{directory} has more than {most} traces; the rest stays where it is',
    todo: 'Collect again with --remove, or by parts with --match.',
    status: 400,
    example: { directory: '/var/log/app', most: 10_000 },
  },
  TRACE_DIRECTORY_UNSET: {
    message: 'it is not said where the traces of this machine are',
    todo: 'Give --dir DIR, or set trace-dir on the machine.',
    status: 400,
    example: {},
  },
  TRACE_URL_WRONG: {
    message: '{url} is no address of a collector',
    todo: 'Give one like https://HOST:PORT.',
    status: 400,
    example: { url: 'traces.example' },
  },
  TRACE_UNREADABLE: {
    message: '{file} cannot be read: {reason}',
    todo: 'Collect as an account that may read it; links are not followed.',
    status: 403,
    example: { file: '/var/log/app/app-trace.out', reason: 'permission denied' },
  },
  TRACE_NOT_REMOVED: {
    message: '{file} is stored, but cannot be removed here: {reason}',
    todo: 'Collect as an account that may remove it, or without --remove.',
    status: 403,
    example: { file: '/var/log/app/app-trace.out', reason: 'permission denied' },
  },
  TRACE_SWITCH_FAILED: {
    message: 'tracing could not be stopped: writing to {file} failed: {reason}',
    todo: 'Correct trace-switch, or leave it empty where nothing has to be stopped.',
    status: 500,
    example: { file: '/proc/app/trace', reason: 'permission denied' },
  },
  TRACE_COMPRESSION_FAILED: {
    message: '{file} could not be compressed with {method}: {reason}',
    todo: 'See that there is space in the temporary directory, and that the program is installed.',
    status: 500,
    example: { file: 'app-trace.out', method: 'bzip2', reason: 'no such file or directory' },
  },
  TRACE_COLLECTOR_AWAY: {
    message: '{file} could not be uploaded: {url} cannot be reached: {reason}',
    todo: 'It is still where it was; run the command again with the same --id, it goes on where it stopped.',
    status: 502,
    example: { file: 'app-trace.out', url: 'https://traces.example', reason: 'connection refused' },
  },
  TRACE_UNTRIED: {
    message: 'traces that were not tried any more: {files}',
    todo: 'They are still where they were; run the command again when the collector can be reached.',
    status: 502,
    example: { files: 12 },
  },
  TRACE_UPLOAD_FAILED: {
    message: '{file} could not be uploaded to {url}: {reason}',
    todo: 'It is still where it was; run the command again with the same --id, it goes on where it stopped.',
    status: 502,
    example: {
      file: 'app-trace.out',
      url: 'https://traces.example',
      reason:
        'HTTP 507 TRACE_DISK_FULL: the disk of the trace store is full; what came so far is kept for 7 d',
    },
  },
  TRACE_UPLOAD_REFUSED: {
    message: '{url} does not take {file}: {reason}',
    todo: 'It is still where it was; trying it again helps only when the reason is gone.',
    status: 400,
    example: {
      file: 'app-trace.out',
      url: 'https://traces.example',
      reason: 'HTTP 413 TRACE_TOO_LARGE: the file has more than 16 GiB',
    },
  },
});
