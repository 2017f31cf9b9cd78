import { defineErrors } from '#base';

export const apiErrors = defineErrors({
  API_REQUEST_INVALID: {
    message: '{method} {path}: {problems}',
    todo: 'Send what /v1/openapi.json describes.',
    status: 400,
    example: { method: 'PATCH', path: '/v1/jobs/3', problems: 'body.action: expected "pause"' },
  },
  API_TOKEN_WRONG: {
    message: 'the server does not accept this token',
    todo: 'Give the one in the file `admin-token` of its state directory, with --token-file.',
    status: 401,
    example: {},
  },
  API_ANSWER_INVALID: {
    message: '{url} answered {method} {path} with something unexpected: {problems}',
    todo: 'Run the same version of windrow on both sides (windrow version).',
    status: 502,
    example: {
      url: 'http://127.0.0.1:8980',
      method: 'GET',
      path: '/v1/jobs',
      problems: 'answer.jobs: expected array',
    },
  },
});
