import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseMoment } from './moment.ts';

const NOON = new Date(2026, 2, 1, 12, 0, 0).getTime();

test('a time of day is the next one, today or tomorrow', () => {
  assert.equal(parseMoment('14:30', NOON), new Date(2026, 2, 1, 14, 30).getTime());
  assert.equal(parseMoment('9:05:30', NOON), new Date(2026, 2, 2, 9, 5, 30).getTime());
  assert.equal(parseMoment('12:00', NOON), new Date(2026, 2, 2, 12, 0).getTime());
});

test('a date is local time unless it says otherwise', () => {
  assert.equal(parseMoment('2026-03-01', NOON), new Date(2026, 2, 1).getTime());
  assert.equal(parseMoment('2026-03-01 07:08', NOON), new Date(2026, 2, 1, 7, 8).getTime());
  assert.equal(parseMoment('2026-03-01T07:08:09Z', NOON), Date.UTC(2026, 2, 1, 7, 8, 9));
  assert.equal(parseMoment('2026-03-01T07:08:09+0130', NOON), Date.UTC(2026, 2, 1, 5, 38, 9));
});

test('what is no moment is none', () => {
  const wrong = ['', '24:00', '12:60', '2026-02-30', '2026-13-01', 'noon', '10 min', '1', '2026'];
  for (const text of wrong) assert.equal(parseMoment(text, NOON), undefined, text);
});
