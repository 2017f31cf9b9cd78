import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { FAULT, Fault } from './fault.ts';
import { readCall } from './reader.ts';
import type { Value } from './value.ts';
import { writeValue } from './writer.ts';

function call(params: string, method = 'm'): string {
  return `<methodCall><methodName>${method}</methodName><params>${params}</params></methodCall>`;
}

const param = (value: string) => call(`<param>${value}</param>`);
const typed = (name: string, text: string) => param(`<value><${name}>${text}</${name}></value>`);

function read(document: string | Buffer, charset: string | null = null) {
  return readCall(Buffer.from(document as string), charset);
}

function faultOf(document: string | Buffer, charset: string | null = null): number {
  try {
    read(document, charset);
  } catch (error) {
    assert.ok(error instanceof Fault, String(error));
    assert.doesNotMatch(error.message, /\n/);
    return error.code;
  }
  throw new assert.AssertionError({ message: `taken: ${document.toString().slice(0, 200)}` });
}

function firstValue(document: string): Value {
  return read(document).params[0]!;
}

/** What writers make of text that XML cannot have. */
function written(text: string): string {
  return text
    .toWellFormed()
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, '\ufffd');
}

const anyText = fc.string({ unit: 'binary', maxLength: 50 });
const anyValue: fc.Arbitrary<Value> = fc.letrec<{ value: Value }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 4 },
    fc.integer().map((value): Value => ({ type: 'int', value })),
    fc
      .bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })
      .map((value): Value => ({ type: 'i8', value })),
    fc.boolean().map((value): Value => ({ type: 'boolean', value })),
    anyText.map((value): Value => ({ type: 'string', value })),
    fc
      .double({ noNaN: true, noDefaultInfinity: true })
      .map((value): Value => ({ type: 'double', value })),
    fc.uint8Array().map((value): Value => ({ type: 'base64', value: Buffer.from(value) })),
    fc.constant<Value>({ type: 'nil' }),
    fc.array(tie('value'), { maxLength: 5 }).map((items): Value => ({ type: 'array', items })),
    fc
      .uniqueArray(fc.tuple(anyText.map(written), tie('value')), {
        selector: ([name]) => name,
        maxLength: 5,
      })
      .map((members): Value => ({ type: 'struct', members: new Map(members) })),
  ),
})).value;

function withWrittenText(value: Value): Value {
  // The sign of 0 is not written.
  if (value.type === 'double') return { ...value, value: value.value + 0 };
  if (value.type === 'string') return { ...value, value: written(value.value) };
  if (value.type === 'array') return { ...value, items: value.items.map(withWrittenText) };
  if (value.type !== 'struct') return value;
  return {
    ...value,
    members: new Map([...value.members].map(([name, one]) => [name, withWrittenText(one)])),
  };
}

describe('a method call', () => {
  it('comes back as it was written, whatever values it holds', () => {
    fc.assert(
      fc.property(fc.array(anyValue, { maxLength: 4 }), (values) => {
        const params = values.map((value) => `<param>${writeValue(value)}</param>`).join('');
        assert.deepEqual(read(call(params)).params, values.map(withWrittenText));
      }),
      { numRuns: 300, examples: [[[{ type: 'double', value: -0 }]]] },
    );
  });

  it('may have blanks, comments and CDATA where XML has them, and no params', () => {
    assert.deepEqual(read('<methodCall><methodName>a.b</methodName></methodCall>'), {
      method: 'a.b',
      params: [],
    });
    const spaced = `<?xml version='1.0'?>\n<!-- hello --><methodCall>\n <methodName>m</methodName>
      <params>\n<param>\n<value>\n<struct>\n<member>\n<name>a</name>\n<value><i4>1</i4></value>\n</member>
      </struct></value></param></params>\n</methodCall>\n<?pi?>`;
    assert.deepEqual(firstValue(spaced), {
      type: 'struct',
      members: new Map([['a', { type: 'int', value: 1 }]]),
    });
    const text = firstValue(param('<value>a<![CDATA[<b>&]]>&lt;&#x41;&#10;</value>'));
    assert.deepEqual(text, { type: 'string', value: 'a<b>&<A\n' });
  });

  it('keeps the blanks of strings, typed or not', () => {
    for (const document of [param('<value>  a \n </value>'), typed('string', '  a \n ')]) {
      assert.deepEqual(firstValue(document), { type: 'string', value: '  a \n ' });
    }
    assert.deepEqual(firstValue(param('<value/>')), { type: 'string', value: '' });
  });

  it('has integers of 32 bits, and longer ones only as i8', () => {
    const good = { '-2147483648': -(2 ** 31), '2147483647': 2 ** 31 - 1, '+7': 7, '-0007': -7 };
    for (const [text, value] of Object.entries(good)) {
      assert.deepEqual(firstValue(typed('i4', text)), { type: 'int', value });
      assert.deepEqual(firstValue(typed('int', text)), { type: 'int', value });
    }
    const bad = [
      '2147483648',
      '-2147483649',
      '',
      ' 1',
      '1 ',
      '0x10',
      '1.0',
      '1e3',
      '+-1',
      '1_0',
      '٣',
    ];
    for (const text of [...bad, '9'.repeat(100_000)]) {
      assert.equal(faultOf(typed('int', text)), FAULT.invalidParameters, text.slice(0, 20));
    }
    assert.deepEqual(firstValue(typed('i8', '-9223372036854775808')), {
      type: 'i8',
      value: -(2n ** 63n),
    });
    assert.deepEqual(firstValue(typed('ex:i8', `${'0'.repeat(50)}7`)), { type: 'i8', value: 7n });
    for (const text of ['9223372036854775808', '', '+', '1.5', '9'.repeat(100_000)]) {
      assert.equal(faultOf(typed('i8', text)), FAULT.invalidParameters, text.slice(0, 20));
    }
  });

  it('has scalars that are what they say', () => {
    const bad: [string, string[]][] = [
      ['boolean', ['true', '2', '', ' 1', '01']],
      ['double', ['1e5', 'NaN', 'Infinity', '', '.', '1.1.1', '1,5', ' 1', '9'.repeat(400)]],
      [
        'dateTime.iso8601',
        ['1998-07-17T14:08:55', '19981317T14:08:55', '19980230T00:00:00', '19980717T24:00:00', ''],
      ],
      ['base64', ['a', 'ab=c', 'ä===', '====']],
      ['nil', ['x']],
    ];
    for (const [name, texts] of bad) {
      for (const text of texts) {
        assert.equal(
          faultOf(typed(name, text)),
          FAULT.invalidParameters,
          `${name} ${text.slice(0, 20)}`,
        );
      }
    }
    assert.deepEqual(firstValue(typed('double', '-.5')), { type: 'double', value: -0.5 });
    assert.deepEqual(firstValue(typed('base64', ' YW\nJj ')), {
      type: 'base64',
      value: Buffer.from('abc'),
    });
    assert.deepEqual(firstValue(typed('dateTime.iso8601', '20000229T23:59:60')), {
      type: 'dateTime.iso8601',
      value: '20000229T23:59:60',
    });
  });

  it('that is not well-formed is refused as such', () => {
    const documents = [
      '',
      ' ',
      'hello',
      '<methodCall>',
      call('').slice(0, -3),
      '<methodCall><methodName>m</methodCall></methodName>',
      param('<value>&nbsp;</value>'),
      param('<value>&#0;</value>'),
      param('<value>&#x1b;</value>'),
      param('<value>\u0001</value>'),
      param('<value>&</value>'),
      param('<value>]]></value>'),
      `${call('')}<methodCall/>`,
      `${call('')}x`,
      '<methodCall a="1" a="2"/>',
      '<?xml version="1.0"?><?xml version="1.0"?><methodCall/>',
      '{"jsonrpc": "2.0"}',
    ];
    for (const document of documents) {
      assert.equal(faultOf(document), FAULT.notWellFormed, document);
    }
  });

  it('with a DOCTYPE is refused before any entity means something', () => {
    const laughs = Array.from(
      { length: 10 },
      (_, i) => `<!ENTITY l${i + 1} "${`&l${i};`.repeat(10)}">`,
    );
    const documents = [
      `<!DOCTYPE methodCall><methodCall/>`,
      `<!DOCTYPE m [<!ENTITY x SYSTEM "file:///etc/passwd">]>${param('<value>&x;</value>')}`,
      `<!DOCTYPE m [<!ENTITY l0 "ha">${laughs.join('')}]>${param('<value>&l10;</value>')}`,
      `<!DOCTYPE m SYSTEM "http://127.0.0.1:1/x.dtd">${call('')}`,
    ];
    for (const document of documents)
      assert.equal(faultOf(document), FAULT.notWellFormed, document);
  });

  it('that is XML but no call is refused as an invalid request', () => {
    const documents = [
      '<methodResponse/>',
      '<constructor/>',
      '<methodCall/>',
      '<methodCall><params/></methodCall>',
      '<methodCall>text<methodName>m</methodName></methodCall>',
      '<methodCall><params/><methodName>m</methodName></methodCall>',
      '<methodCall><methodName>m</methodName><methodName>n</methodName></methodCall>',
      '<methodCall><methodName>m</methodName><params/><params/></methodCall>',
      '<methodCall><methodName/></methodCall>',
      '<methodCall><methodName> m</methodName></methodCall>',
      '<methodCall><methodName>m(1)</methodName></methodCall>',
      `<methodCall><methodName>${'m'.repeat(256)}</methodName></methodCall>`,
      call('<param/>'),
      call('<value>1</value>'),
      call('<param><value>1</value><value>2</value></param>'),
      param('<value><i4>1</i4><i4>2</i4></value>'),
      param('<value>text<i4>1</i4></value>'),
      param('<value><i4><b/>1</i4></value>'),
      param('<value><toString>1</toString></value>'),
      param('<value><array/></value>'),
      param('<value><array><value>1</value></array></value>'),
      param('<value><array><data/><data/></array></value>'),
      param('<value><struct><member/></struct></value>'),
      param('<value><struct><member><name>a</name></member></struct></value>'),
      param('<value><struct><member><value/><name>a</name></member></struct></value>'),
      param(
        `<value><struct>${'<member><name>a</name><value/></member>'.repeat(2)}</struct></value>`,
      ),
      param('<value type="i4">1</value>'),
    ];
    for (const document of documents) {
      assert.equal(faultOf(document), FAULT.invalidRequest, document.slice(0, 200));
    }
    const extended = '<methodCall xmlns:ex="http://ws.apache.org/xmlrpc/namespaces/extensions">';
    const nil = call('<param><value><ex:nil/></value></param>').replace('<methodCall>', extended);
    assert.deepEqual(firstValue(nil), { type: 'nil' });
  });

  it('may be nested 64 deep and no deeper, and hold a hundred thousand values and no more', () => {
    const nested = (depth: number) => {
      const open = '<value><array><data>'.repeat(depth);
      return param(`${open}${'</data></array></value>'.repeat(depth)}`);
    };
    assert.equal(firstValue(nested(64)).type, 'array');
    assert.equal(faultOf(nested(65)), FAULT.invalidRequest);
    assert.equal(faultOf(nested(20_000)), FAULT.invalidRequest);
    const wide = (count: number) =>
      param(`<value><array><data>${'<value/>'.repeat(count)}</data></array></value>`);
    const all = firstValue(wide(99_999));
    assert.equal(all.type === 'array' && all.items.length, 99_999);
    assert.equal(faultOf(wide(100_000)), FAULT.invalidRequest);
  });

  it('costs time in proportion to its length, however it is made', () => {
    const length = 1 << 20;
    const hostile = [
      '<'.repeat(length),
      '<a>'.repeat(length / 3),
      `<methodCall ${'a'.repeat(length)}="1"/>`,
      `<methodCall ${Array.from({ length: length / 12 }, (_, i) => `a${i}="1"`).join(' ')}/>`,
      `<!DOCTYPE ${'['.repeat(length)}`,
      `<!--${'-'.repeat(length)}`,
      param(`<value>${'&#65;'.repeat(length / 5)}</value>`),
      param(`<value>${'&'.repeat(length)}</value>`),
      param(`<value><![CDATA[${']'.repeat(length)}</value>`),
      typed('base64', ' '.repeat(length)),
      typed('i8', '0'.repeat(length)),
      typed('double', `${'1'.repeat(length)}x`),
      '\n'.repeat(length),
    ];
    const plain = param(`<value>${'a'.repeat(length)}</value>`);
    const timeOf = (document: string) => {
      // On the processor: what else the machine does is not meant.
      const began = process.cpuUsage();
      try {
        read(document);
      } catch (error) {
        assert.ok(error instanceof Fault);
      }
      const { user, system } = process.cpuUsage(began);
      return (user + system) / 1000;
    };
    timeOf(plain);
    const usualMs = timeOf(plain);
    for (const document of hostile) {
      const ms = timeOf(document);
      // A quadratic cost would be a thousand times more.
      assert.ok(
        ms < 60 * usualMs + 1000,
        `${document.slice(0, 40)}… took ${ms} ms, usual is ${usualMs}`,
      );
    }
  });
});

describe('the encoding of a document', () => {
  const umlaut = param('<value>ä€</value>');
  const declared = (name: string) => `<?xml version="1.0" encoding="${name}"?>`;
  const expected = { type: 'string', value: 'ä€' };

  it('is UTF-8 unless mark, header or declaration say otherwise, in that order', () => {
    assert.deepEqual(read(umlaut).params[0], expected);
    assert.deepEqual(read(`\ufeff${umlaut}`).params[0], expected);
    const wide = Buffer.from(`\ufeff${declared('UTF-16')}${umlaut}`, 'utf16le');
    assert.deepEqual(readCall(wide, 'utf-8').params[0], expected);
    assert.deepEqual(readCall(Buffer.from(wide).swap16(), null).params[0], expected);
    const latin = Buffer.from(`${declared('iso-8859-1')}${param('<value>ä</value>')}`, 'latin1');
    assert.deepEqual(readCall(latin, null).params[0], { type: 'string', value: 'ä' });
    assert.deepEqual(readCall(Buffer.from(declared('x') + umlaut), 'UTF-8').params[0], expected);
  });

  it('that is not known, or that the bytes are not in, is told by its own fault', () => {
    for (const name of ['shift_jis', 'utf-7', 'x', 'constructor', 'utf-32']) {
      assert.equal(faultOf(declared(name) + call('')), FAULT.unsupportedEncoding, name);
    }
    assert.equal(faultOf(call(''), 'ebcdic'), FAULT.unsupportedEncoding);
    const broken = Buffer.concat([
      Buffer.from('<methodCall><methodName>m'),
      Buffer.from([0xc3, 0x28]),
      Buffer.from('</methodName></methodCall>'),
    ]);
    assert.equal(faultOf(broken), FAULT.invalidCharacter);
    assert.equal(faultOf(Buffer.from(umlaut, 'latin1')), FAULT.invalidCharacter);
    assert.equal(faultOf(declared('us-ascii') + umlaut), FAULT.invalidCharacter);
    const surrogate = param('<value>X</value>').replace('X', '\u00ed\u00a0\u0080');
    assert.equal(faultOf(Buffer.from(surrogate, 'latin1')), FAULT.invalidCharacter);
  });
});

describe('a writer', () => {
  it('writes doubles without an exponent and without losing a digit', () => {
    fc.assert(
      fc.property(fc.double({ noNaN: true, noDefaultInfinity: true }), (value) => {
        const text = /<double>(.*)<\/double>/.exec(writeValue({ type: 'double', value }))![1]!;
        assert.match(text, /^-?\d+\.\d+$/);
        assert.equal(Number(text), value + 0);
      }),
    );
    assert.throws(() => writeValue({ type: 'double', value: Number.NaN }), RangeError);
  });
});
