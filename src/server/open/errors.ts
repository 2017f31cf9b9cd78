import { defineErrors } from '#base';

/** Faults of requests in the open protocol; their messages are the bodies of the answers. */
export const openErrors = defineErrors({
  OPEN_PARAMETER_WRONG: {
    message: '{name}= is {found}, expected {expected}',
    todo: 'Correct the request; docs/guide/open-protocol.md lists the parameters.',
    status: 400,
    example: { name: 'ticket', found: 'missing', expected: 'the number from Ticket=' },
  },
  OPEN_METHOD_WRONG: {
    message: '{method} is not for {path}, use {expected}',
    todo: 'Send the request with that method.',
    status: 405,
    example: { method: 'PUT', path: '/complete', expected: 'POST' },
  },
  OPEN_BODY_SLOW: {
    message: 'the body came too slowly: {bytes} bytes, then nothing for too long',
    todo: 'Send the whole body without long pauses.',
    status: 408,
    example: { bytes: 512 },
  },
  OPEN_BODY_BROKEN: {
    message: 'the body broke off after {bytes} bytes',
    todo: 'Send the request again.',
    status: 400,
    example: { bytes: 512 },
  },
  OPEN_BODY_LENGTH: {
    message: 'the body is announced with {announced} bytes, more than {limit}',
    todo: 'Send less, or raise the limit on the side of the server.',
    status: 413,
    example: { announced: 5_000_000_000, limit: '4 GiB' },
  },
});
