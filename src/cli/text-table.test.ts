import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { displayWidth, fitWidth, formatFacts, formatTable } from './text-table.ts';

const look = { color: false, width: null };
const columns = [{ title: 'N', align: 'right' }, { title: 'NAME' }, { title: 'END' }] as const;

describe('a table', () => {
  it('is aligned, also where characters are wide or have no width', () => {
    const rows = [
      ['1', '漢字', 'x'],
      ['200', 'e\u0301a', 'y'],
      ['3', '🌾', 'z'],
    ];
    assert.equal(
      formatTable(columns, rows, look),
      '  N  NAME  END\n  1  漢字  x\n200  e\u0301a    y\n  3  🌾    z\n',
    );
  });

  it('has one line for each row, whatever the cells hold', () => {
    fc.assert(
      fc.property(
        fc.array(fc.array(fc.string({ unit: 'binary' }), { minLength: 3, maxLength: 3 })),
        (rows) => {
          const text = formatTable(columns, rows, look);
          assert.equal(text.split('\n').length, rows.length + 2);
          assert.doesNotMatch(text.replaceAll('\n', ''), /[\u0000-\u001f\u007f-\u009f]/);
        },
      ),
    );
  });

  it('is no wider than the terminal', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.string(), fc.string(), fc.string())),
        fc.integer({ min: 5, max: 40 }),
        (rows, width) => {
          for (const line of formatTable(columns, rows, { color: false, width }).split('\n')) {
            assert.ok(displayWidth(line) <= width);
          }
        },
      ),
    );
  });
});

describe('a text that is cut', () => {
  it('fits, and says that it was cut', () => {
    assert.equal(fitWidth('windrow', 7), 'windrow');
    assert.equal(fitWidth('windrow', 4), 'win…');
    assert.equal(fitWidth('漢字漢字', 4), '漢…');
  });
});

describe('facts', () => {
  it('are aligned, and left out where there is nothing to say', () => {
    const facts = [
      ['state', 'done'],
      ['reason', ''],
      ['a', 'x\ny'],
    ] as const;
    assert.equal(formatFacts(facts), 'state: done\na:     x\\ny\n');
  });
});
