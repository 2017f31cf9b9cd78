import { defineErrors } from '#base';

export const trapsErrors = defineErrors({
  TRAP_REQUEST_MALFORMED: {
    message: 'the request cannot be understood: {why}',
    todo: 'The guide to traps describes what can be sent.',
    status: 400,
    example: { why: 'its JSON is broken: Unexpected end of JSON input' },
  },
  TRAP_REPORTS_MALFORMED: {
    message: 'none of the {count} traps can be taken: {problems}',
    todo: 'Each trap is an object with at least node, message and category (0 to 3).',
    status: 400,
    example: { count: 1, problems: 'trap 1: node is missing' },
  },
  TRAP_MEDIA_TYPE_WRONG: {
    message: 'the body is {found}, expected application/json',
    todo: 'Send the header Content-Type: application/json.',
    status: 415,
    example: { found: 'application/x-www-form-urlencoded' },
  },
  TRAP_BODY_TOO_LARGE: {
    message: 'the body has more than {limit} bytes',
    todo: 'Send fewer traps at a time.',
    status: 413,
    example: { limit: 4194304 },
  },
  TRAP_BODY_SLOW: {
    message: 'the rest of the body did not come in time',
    todo: 'Send it again.',
    status: 408,
    example: {},
  },
  TRAP_BUSY: {
    message: 'the collector has more requests than it can hold',
    todo: 'Send it again after a second.',
    status: 503,
    example: {},
  },
  TRAP_ADDRESS_DENIED: {
    message: '{address} may not speak to this collector',
    todo: 'Add it to `allow` in the traps.ini of the collector, or to its option --allow.',
    status: 403,
    example: { address: '192.0.2.7' },
  },
  TRAP_PAGE_DENIED: {
    message: 'a page of {page} in a browser asks without the admin token',
    todo: 'Use the web page of `windrow serve --traps`, or send Authorization: Bearer with the token.',
    status: 403,
    example: { page: 'http://monitor.example' },
  },
  TRAP_METHOD_WRONG: {
    message: '{method} is not taken here, only POST',
    todo: 'Ask with POST; the guide to traps lists what can be asked.',
    status: 405,
    example: { method: 'GET' },
  },
  TRAP_ROUTE_UNKNOWN: {
    message: 'there is nothing at {path}',
    todo: 'XML-RPC is at / and /RPC2, reports go to /v1/traps.',
    status: 404,
    example: { path: '/RPC3' },
  },
  TRAP_FAULT: {
    message: 'the collector could not answer: {reason}',
    todo: 'This is a fault of windrow; its log says more.',
    status: 500,
    example: { reason: 'x is not a function' },
  },
  TRAP_TOKEN_WRONG: {
    message: 'changes need the admin token of the collector',
    todo: 'Give the file admin-token of its state directory with --token-file.',
    status: 401,
    example: {},
  },
  TRAP_CHANGES_OFF: {
    message:
      'this collector takes no changes, because it has neither a state directory nor a token',
    todo: 'Start it with `history` above 0, or with a token file.',
    status: 403,
    example: {},
  },
  TRAP_UNKNOWN: {
    message: 'no trap {id} holds here',
    todo: 'List those that do with: windrow traps ls',
    status: 404,
    example: { id: '4f1c09ab' },
  },
  TRAP_ID_AMBIGUOUS: {
    message: 'several traps begin with {id}: {found}',
    todo: 'Give more of the id.',
    status: 409,
    example: { id: '4f', found: '4f1c09ab…, 4f77d012…' },
  },
  SILENCE_UNKNOWN: {
    message: 'there is no silence {id}',
    todo: 'List them with: windrow traps silence --list',
    status: 404,
    example: { id: 's7dk2' },
  },
  SILENCES_FULL: {
    message: 'there are {most} silences already',
    todo: 'End some of them first.',
    status: 409,
    example: { most: 1000 },
  },
  COLLECTOR_UNREACHABLE: {
    message: 'the collector at {url} does not answer: {reason}',
    todo: 'Is it running (windrow traps serve), and does it allow this address?',
    status: 503,
    example: { url: 'http://localhost:8980', reason: 'connection refused' },
  },
  COLLECTOR_ANSWER_MALFORMED: {
    message: 'what answers at {url} is no trap collector of Windrow: {problems}',
    todo: 'Check host and port; 8980 is the default.',
    status: 502,
    example: { url: 'http://localhost:8980', problems: 'revision is missing' },
  },
  COLLECTOR_ADDRESS_WRONG: {
    message: '{found} is no collector: expected HOST, HOST:PORT or a URL',
    todo: 'For example node1, node1:8980 or https://traps.example.org, with #sha256:… behind it where the certificate is pinned.',
    status: 400,
    example: { found: 'node1:x' },
  },
  LISTEN_FAILED: {
    message: 'cannot listen for {what} at {address}: {why}',
    todo: 'Choose another address or port, or stop what uses it.',
    status: 500,
    example: { what: 'XML-RPC and HTTP', address: 'localhost:8980', why: 'address already in use' },
  },
});
