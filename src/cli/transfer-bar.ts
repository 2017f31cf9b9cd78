import { basename } from 'node:path';
import { formatBytes, printable } from '#base';
import type { Output } from './output.ts';

/** Shows how far one file after the other is; nothing off terminals. */
export interface TransferBar {
  update(file: string, sentBytes: number, bytes: number): void;
  /** Takes the line away, so that others can be written. */
  clear(): void;
  end(): void;
}

export async function openTransferBar(quiet: boolean, output: Output): Promise<TransferBar> {
  if (quiet || !output.isTerminal) return { update: () => {}, clear: () => {}, end: () => {} };
  const { SingleBar } = (await import('cli-progress')).default;
  const bar = new SingleBar({
    format: '{percentage} % of {size}  {file}',
    stream: output.stream as NodeJS.WriteStream,
    fps: 8,
    hideCursor: true,
    linewrap: false,
    clearOnComplete: true,
    // Windrow ends by itself on signals, and then calls `end`.
    gracefulExit: false,
  });
  let started = false;
  const stop = () => {
    if (started) bar.stop();
    started = false;
  };
  return {
    update(file, sentBytes, bytes) {
      const payload = { file: printable(basename(file)), size: formatBytes(bytes) };
      if (!started) bar.start(bytes, sentBytes, payload);
      else {
        bar.setTotal(bytes);
        bar.update(sentBytes, payload);
      }
      started = true;
    },
    clear: stop,
    end: stop,
  };
}
