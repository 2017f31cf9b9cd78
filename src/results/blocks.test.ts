import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import fc from 'fast-check';
import { type BlockFacts, blockHeader, parametersOf, readBlocks } from './blocks.ts';

let directory = '';
let path = '';
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'windrow-blocks-'));
  path = join(directory, 'energy.blocks');
});
afterEach(() => rmSync(directory, { recursive: true }));

type Written = readonly [BlockFacts, Buffer];

function write(blocks: readonly Written[]): void {
  const parts = blocks.flatMap(([facts, content]) => {
    return [Buffer.from(blockHeader(facts, content.length)), content, Buffer.from('\n')];
  });
  writeFileSync(path, Buffer.concat(parts));
}

function read(): Written[] {
  return [...readBlocks(path)].map(({ pieces, bytes, ...facts }) => {
    assert.equal(typeof bytes, 'number');
    assert.equal(typeof pieces, 'function');
    return [facts, Buffer.alloc(0)] as const;
  });
}

const text = fc.string({ unit: 'binary' }).map((value) => value.toWellFormed());
const hostile = fc.constantFrom(
  '#windrow ticket=1 task=1 length=0 {}\n',
  '\n',
  '\r\n#windrow ',
  '',
);
const content = fc.oneof(
  fc.uint8Array().map((bytes) => Buffer.from(bytes)),
  hostile.map(Buffer.from),
);
const facts = fc
  .record({
    ticket: fc.nat(),
    task: fc.nat(),
    file: text,
    columns: fc.uniqueArray(text, { maxLength: 4 }),
    cells: fc.array(text, { minLength: 4, maxLength: 4 }),
  })
  .map(({ columns, cells, ...rest }) => ({ ...rest, parameters: parametersOf(columns, cells) }));

/** What ends lines elsewhere, and what is a name of its own in JavaScript. */
const PECULIAR: [string, string][] = [
  ['a\u2028b', '\u2029'],
  ['\u0085', '\r'],
  ['__proto__', 'x'],
  ['constructor', '\u0000'],
  ['', '\ufeff'],
];

test('whatever is in results, parameters and names, blocks come back as they were', () => {
  for (const [column, cell] of PECULIAR) {
    const parameters = parametersOf([column], [cell]);
    write([[{ ticket: 1, task: 0, file: cell, parameters }, Buffer.from(cell)]]);
    const [block] = [...readBlocks(path)];
    assert.deepEqual([block!.file, Object.entries(block!.parameters)], [cell, [[column, cell]]]);
  }
  fc.assert(
    fc.property(fc.array(fc.tuple(facts, content), { maxLength: 6 }), (blocks) => {
      write(blocks);
      const found: Written[] = [];
      for (const { pieces, bytes, ...rest } of readBlocks(path)) {
        const whole = Buffer.concat([...pieces()]);
        assert.equal(whole.length, bytes);
        found.push([rest, whole]);
      }
      const plain = (block: Written) => [
        { ...block[0], parameters: { ...block[0].parameters } },
        block[1],
      ];
      assert.deepEqual(found.map(plain), blocks.map(plain));
    }),
  );
});

test('a block file cut at any byte is damaged, or ends with a whole block', () => {
  const one = { ticket: 1, task: 0, file: 'stdout', parameters: { beta: '0.44' } };
  write([
    [one, Buffer.from('first')],
    [{ ...one, ticket: 2 }, Buffer.from('second\n')],
  ]);
  const whole = readFileSync(path);
  const firstEnd = blockHeader(one, 5).length + 6;
  for (let bytes = 1; bytes < whole.length; bytes++) {
    writeFileSync(path, whole.subarray(0, bytes));
    if (bytes === firstEnd) assert.equal(read().length, 1);
    else assert.throws(read, { code: 'BLOCKS_DAMAGED' });
  }
});

test('a file that is no block file is refused with the byte at which it goes wrong', () => {
  const bad: [string, number][] = [
    ['energy\n42\n', 0],
    ['#windrow ticket=1 task=1 length=-1 {"parameters":{},"file":""}\n\n', 0],
    ['#windrow ticket=1 task=1 length=0 {"parameters":1,"file":""}\n\n', 0],
    ['#windrow ticket=1 task=1 length=0 {"parameters":{},"file":""}\nx', 62],
    ['#windrow ticket=1 task=1 length=99999999999 {"parameters":{},"file":""}\nx\n', 74],
  ];
  for (const [bytes, offset] of bad) {
    writeFileSync(path, bytes);
    assert.throws(read, (error: { code: string; facts: { offset: number } }) => {
      assert.deepEqual([error.code, error.facts.offset], ['BLOCKS_DAMAGED', offset], bytes);
      return true;
    });
  }
  writeFileSync(path, '');
  assert.deepEqual(read(), []);
});

test('a header without an end is refused without reading the whole file', () => {
  writeFileSync(path, '#windrow ');
  truncateSync(path, 1e9);
  assert.throws(read, { code: 'BLOCKS_DAMAGED' });
});
