import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { parse, stringify } from 'smol-toml';
import { findKeys } from './key-lines.ts';

const document = `# first
name = "a # no comment" # one
command = """
./prog \\
  "$x" \\"""
"""
list = [ # [x]
  "]", ']', """
]""",
]
inline = { a = "}", b = 1 }
[inputs]
"model.ini" = { template = "x" }
'it''s' = 1
a.b = 2

  [ request . "deep key" ]
cpus = 1
last = ''''x'''''
after = 1
`.replace("'it''s'", "'its'");

test('the lines of keys and values are found in a document with every kind of value', () => {
  parse(document);
  const find = findKeys(document);
  const line = (...path: string[]) => find(path)?.line;
  assert.equal(line('name'), 2);
  assert.equal(line('command'), 3);
  assert.equal(find(['command'])?.valueLine, 4);
  assert.equal(line('list'), 7);
  assert.equal(line('inline'), 11);
  assert.equal(line('inputs'), 12);
  assert.equal(line('inputs', 'model.ini'), 13);
  assert.equal(line('inputs', 'model.ini', 'template'), 13);
  assert.equal(line('inputs', 'its'), 14);
  assert.equal(line('inputs', 'a'), 15);
  assert.equal(line('inputs', 'a', 'b'), 15);
  assert.equal(line('request'), 17);
  assert.equal(line('request', 'deep key', 'cpus'), 18);
  assert.equal(line('request', 'deep key', 'after'), 20);
  assert.equal(find(['none']), undefined);
});

test('any document that parses is walked to its end, each key on the line that begins with it', () => {
  const key = fc.string({ minLength: 1, maxLength: 5 });
  const value = fc.oneof(fc.string({ unit: 'grapheme' }), fc.integer(), fc.array(fc.string()));
  const table = fc.dictionary(key, fc.oneof(value, fc.dictionary(key, value)));
  fc.assert(
    fc.property(table, (data) => {
      const text = stringify(data);
      const find = findKeys(text);
      const lines = text.split('\n');
      for (const [name, one] of Object.entries(data)) {
        const place = find([name]);
        // An empty table may be left out of the text.
        if (!place && typeof one === 'object') continue;
        const written = lines[place!.line - 1]!;
        assert.ok(
          written.includes(JSON.stringify(name).slice(1, -1)) || written.includes(name),
          text,
        );
      }
    }),
    { numRuns: 300 },
  );
});
