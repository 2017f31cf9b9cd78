/** Lines that come by a pipe, perhaps for days. */
import { addAbortSignal, type Readable } from 'node:stream';

export interface PipedLine {
  readonly number: number;
  readonly text: string;
}

/** Of a line; what is over is thrown away as it comes. */
const LINE_MOST = 1 << 20;

/**
 * What has come together goes together: the last line before a pause waits for nothing behind it. Ends
 * with the stream, or when `ending` is aborted.
 */
export async function* pipedLines(
  stream: Readable,
  ending: AbortSignal,
): AsyncGenerator<readonly PipedLine[]> {
  let number = 0;
  let rest = '';
  const numbered = (text: string): PipedLine => ({ number: ++number, text });
  try {
    for await (const piece of addAbortSignal(ending, stream.setEncoding('utf8'))) {
      const [first = '', ...others] = (piece as string).split('\n');
      const lines = [rest + first, ...others];
      rest = lines.pop()!.slice(0, LINE_MOST);
      if (lines.length > 0) yield lines.map(numbered);
    }
  } catch (error) {
    if (!ending.aborted) throw error;
    return;
  }
  if (rest !== '') yield [numbered(rest)];
}
