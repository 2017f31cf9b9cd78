import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { systemReasonOf } from '#base';
import { tracesErrors } from '../errors.ts';

/** Control files of a kernel or a program in trouble may never take what is written. */
const WRITE_MS = 10_000;

/** Writes `text` to a control file that is there. Throws TRACE_SWITCH_FAILED. */
export async function stopTracing(file: string, text: string): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(
      reject,
      WRITE_MS,
      new Error(`it did not take it within ${WRITE_MS / 1000} s`),
    );
  });
  try {
    await Promise.race([write(file, text), late]);
  } catch (error) {
    throw tracesErrors.create('TRACE_SWITCH_FAILED', { file, reason: systemReasonOf(error) });
  } finally {
    clearTimeout(timer);
  }
}

async function write(file: string, text: string): Promise<void> {
  // Neither made nor cut: a mistyped name must not leave a file behind.
  // Not waiting for a reader: a thread that hangs in a FIFO would be lost to everybody.
  const opened = await open(file, constants.O_WRONLY | constants.O_NONBLOCK);
  try {
    await opened.write(text);
  } finally {
    await opened.close();
  }
}
