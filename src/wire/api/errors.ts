import { defineErrors } from '#base';

export const apiErrors = defineErrors({
  API_REQUEST_INVALID: {
    message: '{method} {path}: {problems}',
    todo: 'Send what /v1/openapi.json describes.',
    status: 400,
    example: { method: 'PATCH', path: '/v1/jobs/3', problems: 'body.action: expected "pause"' },
  },
  API_TOKEN_WRONG: {
    message: 'The server at {url} does not accept this token.',
    todo: 'Give the token that lies in the file admin-token of the server’s state directory (--token-file, or WINDROW_TOKEN_FILE).',
    status: 401,
    example: { url: 'http://127.0.0.1:8980' },
  },
  API_ANSWER_INVALID: {
    message:
      'The server at {url} answered {method} {path} with something else than expected: {problems}',
    todo: 'Check that the address is that of a Windrow server and that both have the same version (windrow version).',
    status: 502,
    example: {
      url: 'http://127.0.0.1:8980',
      method: 'GET',
      path: '/v1/jobs',
      problems: 'jobs: missing',
    },
  },
  API_UNREACHABLE: {
    message: 'No server answers at {url}: {reason}.',
    todo: 'Start one with `windrow serve`, or name another with --server.',
    status: 503,
    example: { url: 'http://127.0.0.1:8980', reason: 'connection refused' },
  },
  API_INTERRUPTED: {
    message: 'The connection to {url} was lost during {method} {path}: {reason}.',
    todo: 'Try again; nothing that the server acknowledged is lost.',
    status: 503,
    example: { url: 'http://127.0.0.1:8980', method: 'GET', path: '/v1/events', reason: 'reset' },
  },
  API_FAILED: {
    message: 'The server at {url} answered {method} {path} with status {status}.',
    todo: 'Look into the server’s log.',
    status: 502,
    example: { url: 'http://127.0.0.1:8980', method: 'GET', path: '/v1/jobs', status: 500 },
  },
});
