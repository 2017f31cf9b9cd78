import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { describe, it } from 'node:test';
import { promisify } from 'node:util';
import { event } from '../testing/collector.ts';
import { openFace } from '../testing/face.ts';

const run = promisify(execFile);

/** Runs Python, the program being the argument; what it prints is JSON. */
async function python(program: string, ...args: string[]) {
  const { stdout } = await run('python3', ['-c', program, ...args], { maxBuffer: 64 << 20 });
  return JSON.parse(stdout);
}

describe('a monitor in Python', () => {
  it('asks everything that a monitor asks, and gets what it expects', async (t) => {
    const { collector, url } = await openFace(t);
    collector.observe({ node: 'oss1', fileSystems: ['work'], freeBytes: 5e12, totalBytes: 1e13 });
    collector.observe({ node: 'oss2', fileSystems: ['work'], responding: false });
    collector.accept(event('first', 2, { node: 'oss1', fileSystem: 'work' }));
    const answers = await python(
      `
import sys, json, xmlrpc.client as x
s = x.ServerProxy(sys.argv[1])
def fault(call):
    try: call(); return None
    except x.Fault as f: return f.faultCode
traps, mark = s.getTraps(0)
print(json.dumps({
  'nodes': s.getNodeNames('work'), 'all': s.getNodeNames(''), 'none': s.getNodeNames('x'),
  'fs': s.getFileSystems(), 'node': s.getNodeInfo('oss1'), 'info': s.getFileSystemInfo('work'),
  'traps': traps, 'again': s.getTraps(mark), 'last': s.getLastTimestamp() == mark,
  'details': s.getTrapDetails(0)[0][0], 'byId': len(s.getTrapsById('')[0]),
  'faults': [fault(lambda: s.getNodeInfo('x')), fault(lambda: s.getFileSystemInfo('x')),
    fault(lambda: s.nope()), fault(lambda: s.getTraps()), fault(lambda: s.getTraps('0')),
    fault(lambda: s.getTraps(1, 2)), fault(lambda: s.getTraps(1.5)), fault(lambda: s.getTraps(True)),
    fault(lambda: s.getNodeNames(7)), fault(lambda: s.getFileSystems(''))],
  'help': s.system.methodHelp('getTraps'), 'signature': s.system.methodSignature('getTraps'),
  'methods': s.system.listMethods(),
}))`,
      url,
    );
    assert.deepEqual(answers.nodes, ['oss1', 'oss2']);
    assert.deepEqual([answers.all, answers.none], [['oss1', 'oss2'], []]);
    assert.deepEqual(answers.fs, ['work']);
    assert.equal(answers.node.freeDisk, 5e12);
    assert.deepEqual(answers.node.fileSystems, ['work']);
    assert.deepEqual([answers.info.traps, answers.info.notResponding], [1, ['oss2']]);
    assert.deepEqual(answers.traps, [['first', 2, 'oss1']]);
    assert.deepEqual([answers.again[0], answers.last], [[], true]);
    assert.deepEqual([answers.details.fileSystem, answers.details.source], ['work', 'test']);
    assert.equal(answers.byId, 1);
    assert.deepEqual(answers.faults, [-32500, -32500, -32601, ...Array(7).fill(-32602)]);
    assert.match(answers.help, /Traps since a mark/);
    assert.deepEqual(answers.signature, [['array', 'int']]);
    assert.ok(answers.methods.includes('getTrapsById'));
  });

  it('reads every reply, whatever characters the messages hold', async (t) => {
    const { collector, url } = await openFace(t);
    const nasty = [
      'escape \u001b[31m, bell \u0007, NUL \0',
      'lone surrogates \ud800 and \udc00, a pair 😀',
      'the end of CDATA ]]> and <b>&amp;</b>',
      '\ufffe\uffff\u007f\u0080\u009f\u2028',
      'carriage\r\nreturn\rtab\t end ',
      'x'.repeat(65_536),
      'y'.repeat(70_000),
      '',
    ];
    for (const [index, message] of nasty.entries()) {
      collector.accept(event(message, 1, { node: `n${index}\ud800\u0001` }));
    }
    const traps = await python(
      `
import sys, json, xmlrpc.client as x
s = x.ServerProxy(sys.argv[1])
print(json.dumps([s.getTraps(0)[0], [t['message'] for t in s.getTrapDetails(0)[0]], s.getNodeNames('')]))`,
      url,
    );
    const expected = nasty.map((message) =>
      message
        .slice(0, 65_536)
        .toWellFormed()
        .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '\ufffd'),
    );
    const found = traps[0].map(([message]: [string]) => message.slice(0, 65_536));
    assert.deepEqual(found, expected);
    assert.deepEqual(
      traps[1].map((message: string) => message.slice(0, 65_536)),
      expected,
    );
    assert.equal(traps[2][0], 'n0\ufffd\ufffd');
    assert.match(traps[0][6][0], /y… \[4464 more characters\]$/);
  });

  it('passes the validator1 suite', async (t) => {
    const { url } = await openFace(t);
    const answers = await python(
      `
import sys, json, datetime, xmlrpc.client as x
s = x.ServerProxy(sys.argv[1], allow_none=True)
v = s.validator1
stooge = lambda m, l, c: {'moe': m, 'larry': l, 'curly': c}
states = ['Maine'] + ['State%d' % i for i in range(120)] + ['Kansas']
sub = {'substruct%d' % i: stooge(i, i * 10, i * 100) for i in range(10)}
years = {'1999': {}, '2000': {'04': {'01': stooge(-23, 96, 17), '02': stooge(1, 2, 3)}}}
many = v.manyTypesTest(24288, False, 'Texas', 1762.0, x.DateTime('19040101T05:24:54'), x.Binary(b'GIF89a\\x00\\xff'))
print(json.dumps([
  v.arrayOfStructsTest([stooge(1, 2, c) for c in [-79, -33, -30, -7, 0, -5, -10, -2]]),
  v.countTheEntities('<' * 8 + '>' * 8 + '&' * 5 + "'" + '"' * 4),
  v.easyStructTest(stooge(-60, 22, 37)), v.echoStructTest(sub) == sub,
  [many[0], many[1], many[2], many[3], many[4].value, many[5].data.decode('latin1')],
  v.moderateSizeArrayCheck(states), v.nestedStructTest(years), v.simpleStructReturnTest(55),
  s.test.echo([1, 'a', None, {'b': []}]), s.test.noargs(), s.whichToolkit()['toolkitName'],
]))`,
      url,
    );
    assert.deepEqual(answers, [
      -166,
      {
        ctLeftAngleBrackets: 8,
        ctRightAngleBrackets: 8,
        ctAmpersands: 5,
        ctApostrophes: 1,
        ctQuotes: 4,
      },
      -1,
      true,
      [24288, false, 'Texas', 1762, '19040101T05:24:54', 'GIF89a\0ÿ'],
      'MaineKansas',
      90,
      { times10: 550, times100: 5500, times1000: 55000 },
      [1, 'a', null, { b: [] }],
      true,
      'Windrow',
    ]);
  });

  it('bundles calls, which fail one by one, but not bundles and not without end', async (t) => {
    const { url } = await openFace(t);
    const answers = await python(
      `
import sys, json, xmlrpc.client as x
s = x.ServerProxy(sys.argv[1])
call = lambda name, *params: {'methodName': name, 'params': list(params)}
calls = [call('getFileSystems'), call('nope'), call('system.multicall', []), 5, {}, call('getTraps', 'x')]
try: s.system.multicall([call('getFileSystems')] * 101); many = None
except x.Fault as f: many = f.faultCode
print(json.dumps([s.system.multicall(calls), many]))`,
      url,
    );
    const codes = answers[0].map((one: { faultCode?: number }) => one.faultCode ?? one);
    assert.deepEqual(codes, [[[]], -32601, -32602, -32602, -32602, -32602]);
    assert.equal(answers[1], -32602);
  });
});
