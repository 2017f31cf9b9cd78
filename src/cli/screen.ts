import { fitWidth } from './text-table.ts';
import type { World } from './world.ts';

// xterm control sequences (ECMA-48): the other screen, no cursor; home; clear to the end.
const ENTER = '\u001b[?1049h\u001b[?25l';
const LEAVE = '\u001b[?25h\u001b[?1049l';
const HOME = '\u001b[H';
const CLEAR_LINE = '\u001b[K';
const CLEAR_REST = '\u001b[J';

/** The terminal as a screen that is drawn over and over, until q or Ctrl-C. */
export interface Screen {
  /** Aborted when the user wants to leave. */
  readonly leaving: AbortSignal;
  draw(text: string): Promise<void>;
  close(): void;
}

/** @param onKey gets every key but those that leave, as the terminal sends it */
export async function openScreen(world: World, onKey: (key: string) => void): Promise<Screen> {
  const { stdin, stdout } = world;
  const leaving = new AbortController();
  const onData = (bytes: Buffer) => {
    const key = bytes.toString('latin1');
    // In raw mode Ctrl-C is a key like others.
    if (/^[q\u0003\u0004]/.test(key)) leaving.abort();
    else onKey(key);
  };
  const raw = stdin.isTTY === true && stdin.setRawMode !== undefined;
  if (raw) stdin.setRawMode!(true);
  stdin.on('data', onData);
  await stdout.write(ENTER);
  return {
    leaving: AbortSignal.any([world.ending, leaving.signal]),
    draw: (text) => stdout.write(frameOf(text, world)),
    close() {
      stdin.off('data', onData);
      stdin.pause();
      if (raw) stdin.setRawMode!(false);
      stdout.attempt(LEAVE);
    },
  };
}

/** One screen, drawn over the last without clearing it first, so that it does not flicker. */
function frameOf(text: string, world: World): string {
  const { columns, rows } = world.stdout.options;
  const lines = text.split('\n').slice(0, rows());
  const fitted = lines.map((line) => (line.includes('\u001b') ? line : fitWidth(line, columns())));
  return HOME + fitted.map((line) => line + CLEAR_LINE).join('\r\n') + CLEAR_REST;
}
