import assert from 'node:assert/strict';
import { test } from 'node:test';
import { WindrowError } from '#base';
import { parseNodeFile } from './node-file.ts';

const read = (text: string) => parseNodeFile(Buffer.from(text), 'nodes.txt');

function problemsOf(content: string | Buffer): string[] {
  try {
    parseNodeFile(Buffer.from(content), 'nodes.txt');
  } catch (error) {
    assert.ok(error instanceof WindrowError);
    assert.equal(error.code, 'PILOT_NODES_WRONG');
    return String(error.facts.problems).split('\n');
  }
  throw new Error('it was accepted');
}

test('a machine a line, with comments, empty lines and all options', () => {
  const machines = read(
    '\ufeff# my machines\r\nnode1\n\n  ada@node2  slots=4 dir=/scratch/ada # fast\n' +
      '10.0.0.7 port=2222 via=gate.example.org,bob@[fe80::1]:22 user=eve\n' +
      'node3 dir="~/my jobs#1"\n[::1] slots=1\nfe80::2%eth0',
  );
  const none = { user: '', port: 0, via: '', directory: '', slots: 0 };
  assert.deepEqual(machines, [
    { ...none, host: 'node1', name: 'node1', where: 'nodes.txt:2' },
    {
      ...{ ...none, host: 'node2', user: 'ada', slots: 4, directory: '/scratch/ada' },
      ...{ name: 'node2', where: 'nodes.txt:4' },
    },
    {
      ...{ ...none, host: '10.0.0.7', user: 'eve', port: 2222 },
      ...{ via: 'gate.example.org,bob@[fe80::1]:22', name: '10.0.0.7', where: 'nodes.txt:5' },
    },
    { ...none, host: 'node3', directory: '~/my jobs#1', name: 'node3', where: 'nodes.txt:6' },
    { ...none, host: '::1', slots: 1, name: '::1', where: 'nodes.txt:7' },
    { ...none, host: 'fe80::2%eth0', name: 'fe80::2%eth0', where: 'nodes.txt:8' },
  ]);
});

test('every wrong line is told with its number', () => {
  const problems = problemsOf(
    [
      '-oProxyCommand=reboot',
      'node1 slot=4',
      'node2 slots=0 port=70000',
      'node3 "open',
      '$(reboot)',
      'a b',
      'node4 via=-oX',
      'node5 dir=scratch',
      'eve@node6 user=ada',
      '-l@node7',
      'node8\u0007',
      `node9 dir=/${'x'.repeat(5000)}`,
      'node1',
      'node1',
      'node10 constructor=1',
    ].join('\n'),
  );
  assert.deepEqual(problems, [
    'nodes.txt:1: found "-oProxyCommand=reboot", expected a host or user@host first',
    'nodes.txt:2: found "slot=4", expected slots=, port=, user=, dir=, via=; did you mean slots=?',
    'nodes.txt:3: found slots="0", expected a whole number from 1 to 100000',
    'nodes.txt:3: found port="70000", expected a whole number from 1 to 65535',
    'nodes.txt:4: a double quote is not closed',
    'nodes.txt:5: found "$(reboot)", expected a host or user@host first',
    'nodes.txt:6: found "b", expected slots=, port=, user=, dir=, via=',
    'nodes.txt:7: found via="-oX", expected hosts to jump over, [user@]host[:port] with commas between',
    'nodes.txt:8: found dir="scratch", expected an absolute path, or one that begins with ~/',
    'nodes.txt:9: user is given twice',
    'nodes.txt:10: found user="-l", expected the name of an account',
    'nodes.txt:11: found the control character 0x07',
    'nodes.txt:12: the line has 5011 characters, at most 4096',
    'nodes.txt:14: node1 stands already in nodes.txt:13',
    'nodes.txt:15: found "constructor=1", expected slots=, port=, user=, dir=, via=',
  ]);
});

test('a file without machines, one that is no text and one that is too long are refused', () => {
  assert.deepEqual(problemsOf('# none\n\n'), [
    'nodes.txt: no machine in it, expected one host a line',
  ]);
  assert.deepEqual(problemsOf(Buffer.from([0x61, 0xff])), ['nodes.txt: it is not UTF-8 text']);
  assert.match(problemsOf(Buffer.alloc(5 * 2 ** 20, 'a\n'))[0]!, /has 5242880 bytes/);
  assert.match(
    problemsOf(
      'a'.repeat(20) +
        '\n'.repeat(3) +
        Array.from({ length: 10_001 }, (_, n) => `n${n}`).join('\n'),
    )[0]!,
    /10002 machines/,
  );
});

test('machines on one host are told apart by what differs', () => {
  const names = read('n1 dir=/a\nn1 dir=/b\nn2\nada@n1 port=23').map(({ name }) => name);
  assert.deepEqual(names, ['n1:/a', 'n1:/b', 'n2', 'ada@n1:23']);
});
