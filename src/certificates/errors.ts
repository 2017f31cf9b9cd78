import { defineErrors } from '#base';

export const certificateErrors = defineErrors({
  TLS_EXISTS: {
    message: 'there are certificates already in {directory}',
    todo: 'Use `windrow tls renew` for a new server certificate; remove the directory to begin anew.',
    status: 409,
    example: { directory: '/var/lib/windrow/tls' },
  },
  TLS_MISSING: {
    message: 'there are no certificates in {directory}: {reason}',
    todo: 'Make them with `windrow tls init`, or name your own with --tls-cert and --tls-key.',
    status: 404,
    example: { directory: '/var/lib/windrow/tls', reason: 'no such file or directory' },
  },
  TLS_UNUSABLE: {
    message: 'the certificate {file} cannot be used: {reason}',
    todo: 'Give a PEM file with the certificate, its chain behind it, and the key that belongs to it.',
    status: 400,
    example: { file: '/etc/ssl/node17.pem', reason: 'the key is another one' },
  },
  TLS_EXPIRED: {
    message: 'the certificate {file} was valid until {date}',
    todo: 'Make a new one: windrow tls renew.',
    status: 400,
    example: { file: '/var/lib/windrow/tls/server.pem', date: '2026-11-21' },
  },
  TLS_KEY_OPEN_TO_OTHERS: {
    message: '{file} holds a key but others may read it (mode {mode}, expected 0600)',
    todo: "Run: chmod 600 '{file}' — and if others may have read it, make new certificates.",
    status: 500,
    example: { file: '/var/lib/windrow/tls/server-key.pem', mode: '0644' },
  },
  TLS_UNWRITABLE: {
    message: 'certificates cannot be written to {directory}: {reason}',
    todo: 'Name a state directory that you may write to.',
    status: 500,
    example: { directory: '/var/lib/windrow/tls', reason: 'permission denied' },
  },
  TLS_NAME_WRONG: {
    message: '{name} is neither a host name nor an address',
    todo: 'Give names like node17.example.org and addresses like 192.0.2.7.',
    status: 400,
    example: { name: 'node 17' },
  },
});
