import assert from 'node:assert/strict';
import { test } from 'node:test';
import { namesIn } from './names-in.ts';
import { parseExpression } from './parser.ts';

const told = (text: string) => {
  const { names, isOpen, isMoving } = namesIn(parseExpression(text));
  return [[...names].join(' '), isOpen ? 'open' : '', isMoving ? 'moving' : ''];
};

test('what an expression may look at is told from its text', () => {
  const cases: [text: string, names: string, open?: string, moving?: string][] = [
    ['TARGET.Memory >= RequestMemory && Arch == "X86_64"', 'memory requestmemory arch'],
    ['[ a = B; c = { D, MY.e } ].a ?: f(G)[H]', 'a b d e g h'],
    ['.Root + x.y.z', 'root z y x'],
    ['eval("Me" + "mory")', '', 'open'],
    ['size(TARGET)', 'target', 'open'],
    ['TARGET["Memory"]', 'target', 'open'],
    ['time() - QDate > 60', 'qdate', '', 'moving'],
    ['CurrentTime > 5', 'currenttime', '', 'moving'],
    ['random(3) < 1 || formatTime() == "x"', '', '', 'moving'],
    ['formatTime(QDate)', 'qdate'],
  ];
  for (const [text, names, open = '', moving = ''] of cases) {
    assert.deepEqual(told(text), [names, open, moving], text);
  }
});
