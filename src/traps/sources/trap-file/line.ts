/**
 * Lines of a trap file, `id time category fs node message`, parted by blanks: the id is the
 * source's own, the time in seconds since 1970 or as 2026-11-21T16:22:04Z, the category 0 to 3 or
 * its word, `-` for no file system; the message is the rest.
 */
import { type TrapReport, trapReport } from '../../report.ts';
import { categoryOf, Malformed, timeOf } from '../json-report.ts';

const LINE = /^(\S+)[ \t]+(\S+)[ \t]+(\S+)[ \t]+(\S+)[ \t]+(\S+)(?:[ \t]+(.*))?$/s;
const NUMBER = /^\d{1,15}(?:\.\d{1,9})?$/;

/** Null for lines that say nothing: empty ones, and comments that begin with `#`. */
export function readTrapLine(text: string): TrapReport | Malformed | null {
  // A file that was cut to nothing under its writer begins with a hole.
  const line = text.replace(/^\0+/, '').trimEnd();
  if (line.trim() === '' || line.startsWith('#')) return null;
  const parts = LINE.exec(line.trimStart());
  if (!parts) return new Malformed('expected: id time category fs node message');
  const [, id = '', time = '', category = '', fileSystem = '', node = '', message = ''] = parts;
  const atMs = timeOf(NUMBER.test(time) ? Number(time) : time);
  if (atMs === null) return new Malformed(`found ${shown(time)}, expected a time`);
  const known = categoryOf(/^[0-3]$/.test(category) ? Number(category) : category);
  if (known === null) return new Malformed(`found ${shown(category)}, expected a category, 0 to 3`);
  return trapReport({
    node,
    fileSystem: fileSystem === '-' ? '' : fileSystem,
    category: known,
    message,
    source: 'file',
    atMs,
    // Ids of files may begin anew; with the time they do not repeat.
    sequence: `${id}@${atMs}`,
  });
}

function shown(text: string): string {
  return JSON.stringify(text.slice(0, 40));
}
