import { defineErrors } from '#base';

export const networkErrors = defineErrors({
  NETWORK_NOT_MADE: {
    message: 'the network {network} could not be made: {step}: {reason}',
    todo: 'See what "windrow doctor" says about networks; the reason names what failed.',
    status: 500,
    example: {
      network: 'windrow-3fa94c02-7',
      step: 'ip -batch -',
      reason: 'RTNETLINK answers: Operation not permitted',
    },
  },
  NETWORK_NOT_REMOVED: {
    message: 'the network {network} could not be removed: {step}: {reason}',
    todo: 'The next worker in the same directory tries again; what is left has the name in it.',
    status: 500,
    example: {
      network: 'windrow-3fa94c02-7',
      step: 'ip -batch -',
      reason: 'Device or resource busy',
    },
  },
  NETWORK_NOT_COUNTED: {
    message: 'the bytes of the network {network} could not be read: {reason}',
    todo: 'The script that sets networks up must make a chain named as its first argument.',
    status: 500,
    example: { network: 'windrow-3fa94c02-7', reason: 'Error: No such file or directory' },
  },
  NETWORK_SCRIPT_FAILED: {
    message: 'the script {script} failed for {network}: {reason}',
    todo: 'Repair the script; docs/guide/network.md says what it must do and how to try it.',
    status: 500,
    example: {
      script: '/etc/windrow/network-up',
      network: 'windrow-3fa94c02-7',
      reason: 'it ended with 2; its last lines: "vlan 17: not found"',
    },
  },
  NETWORK_SCRIPT_ANSWER: {
    message: 'the script {script} printed {found}, expected {expected}',
    todo: 'Let it print the inner address, a blank and the gateway for each address, and nothing else.',
    status: 500,
    example: {
      script: '/etc/windrow/network-up',
      found: '"done"',
      expected: 'lines like "198.18.0.2 198.18.0.1"',
    },
  },
  NETWORK_SCRIPT_CHAIN: {
    message: 'the script {script} made no chain {network} in the table inet {table}',
    todo: 'Let it make a chain that is named as its first argument, in the table $WINDROW_TABLE.',
    status: 500,
    example: {
      script: '/etc/windrow/network-up',
      network: 'windrow-3fa94c02-7',
      table: 'windrow-0',
    },
  },
  NETWORK_NO_ADDRESSES: {
    message:
      'all {blocks} blocks of inner addresses ({inner}) are taken by workers of this machine',
    todo: 'Run fewer workers, or set larger inner networks; "nft list tables" shows windrow-0 and up.',
    status: 503,
    example: { blocks: 64, inner: '198.18.0.0/15, fd77:696e:6472::/48' },
  },
  NETWORK_TOO_MANY: {
    message: 'more than {limit} networks of attempts exist',
    todo: 'Use fewer slots, or find out why networks are not removed: the log of the worker says it.',
    status: 503,
    example: { limit: 1000 },
  },
  NETWORK_CLOSED: {
    message: 'no network is made any more: the worker ends',
    todo: 'Nothing; the task goes to another worker.',
    status: 503,
    example: {},
  },
});
