/**
 * Commands that read their words as shell code once more. Values are kept one word for the shell
 * that runs the command, not for one that this one runs; without a shell they are not quoted at all.
 */
import type { Command } from '#model';

const SHELL = /^(?:ba|da|z|k)?sh$/;
const SCRIPT_OPTION = /^-\w*c$/;
const SHELL_WITH_SCRIPT =
  /(?:^|[\s;&|(/])((?:ba|da|z|k)?sh)\s+(-\w*c)\s+('[^']*'|"(?:\\.|[^"\\])*"|[^\s;&|]*)/gs;
const READER = /(?:^|[\s;&|(])(eval|ssh|trap)\s([^\n;]*)/g;

/** What of a command takes values for shell code, e.g. `sh -c`; null: nothing does. */
export function readsAgain(command: Command): string | null {
  return command.kind === 'shell' ? inScript(command.template) : inWords(command.template);
}

function inScript(script: string): string | null {
  for (const [, shell, option, text] of script.matchAll(SHELL_WITH_SCRIPT)) {
    if (hasValue(text!)) return `${shell} ${option}`;
  }
  for (const [, name, words] of script.matchAll(READER)) if (hasValue(words!)) return name!;
  return null;
}

function inWords(words: readonly string[]): string | null {
  for (const [at, word] of words.entries()) {
    const name = word.slice(word.lastIndexOf('/') + 1);
    const option = words[at + 1] ?? '';
    const isScript = SHELL.test(name) && SCRIPT_OPTION.test(option);
    if (isScript && hasValue(words[at + 2] ?? '')) return `${name} ${option}`;
    // Its first word may be the host.
    if (at === 0 && name === 'ssh' && words.slice(2).some(hasValue)) return name;
  }
  return null;
}

/** Something is filled in; `$$` is a dollar. */
function hasValue(text: string): boolean {
  return /\$[A-Za-z_{]/.test(text.replaceAll('$$', ''));
}
