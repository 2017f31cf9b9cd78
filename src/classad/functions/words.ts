import { listOf } from '../names.ts';
import { ERROR } from '../scalar.ts';
import { quoteWord, splitWords } from '../word-text.ts';
import {
  elementsOf,
  type FunctionTable,
  isList,
  made,
  plain,
  strict,
  textOf,
} from './definition.ts';

const DEFAULT_SEPARATORS = ', \t';

/** Blanks run together; two other separators have an empty item between them. */
const split = strict(1, 2, ([text, separators = DEFAULT_SEPARATORS], evaluation, scope) => {
  if (typeof text !== 'string' || typeof separators !== 'string') return ERROR;
  made(evaluation, text);
  return listOf(splitText(text, new Set(made(evaluation, separators))), scope);
});

function splitText(text: string, separators: ReadonlySet<string>): string[] {
  const items: string[] = [];
  const isSeparator = (at: number) => separators.has(text[at]!);
  const isBlank = (at: number) => isSeparator(at) && /\s/.test(text[at]!);
  let at = 0;
  const skipBlanks = () => {
    while (at < text.length && isBlank(at)) at += 1;
  };
  skipBlanks();
  while (at < text.length) {
    const from = at;
    while (at < text.length && !isSeparator(at)) at += 1;
    items.push(text.slice(from, at));
    skipBlanks();
    if (at < text.length && isSeparator(at)) {
      at += 1;
      skipBlanks();
    }
  }
  return items;
}

/** Splits at the first `@`; without one all is the user, or all is the host of a slot. */
function splitAt(aloneIs: 'first' | 'second') {
  return strict(1, 1, ([text], _, scope) => {
    if (typeof text !== 'string') return ERROR;
    const at = text.indexOf('@');
    if (at < 0) return listOf(aloneIs === 'first' ? [text, ''] : ['', text], scope);
    return listOf([text.slice(0, at), text.slice(at + 1)], scope);
  });
}

const environmentToNew = strict(1, 1, ([text], evaluation) => {
  if (typeof text !== 'string') return ERROR;
  made(evaluation, text);
  const entries = text.split(';').map((entry) => entry.trim());
  const named = entries.filter((entry) => entry !== '');
  if (named.some((entry) => !/^[^=]+=/.test(entry))) return ERROR;
  return made(evaluation, named.map(quoteWord).join(' '));
});

/** Later entries of a name replace earlier ones in their place. */
const mergeEnvironment = plain(0, Number.POSITIVE_INFINITY, (values, evaluation) => {
  const merged = new Map<string, string>();
  for (const value of values) {
    if (value === undefined) continue;
    const entries = typeof value === 'string' ? splitWords(made(evaluation, value)) : null;
    if (!entries?.every((entry) => /^[^=]+=/.test(entry))) return ERROR;
    for (const entry of entries) merged.set(entry.slice(0, entry.indexOf('=')), entry);
  }
  return made(evaluation, [...merged.values()].map(quoteWord).join(' '));
});

const listToArguments = strict(1, 2, ([list, version = 2], evaluation) => {
  if (!isList(list) || (version !== 1 && version !== 2)) return ERROR;
  const words = elementsOf(list, evaluation);
  if (words.includes(ERROR) || words.includes(undefined)) return ERROR;
  const texts = words.map(textOf);
  if (version === 2) return made(evaluation, texts.map(quoteWord).join(' '));
  // The old form has no quoting.
  return texts.some((text) => text === '' || /\s/.test(text))
    ? ERROR
    : made(evaluation, texts.join(' '));
});

const argumentsToList = strict(1, 2, ([text, version = 2], evaluation, scope) => {
  if (typeof text !== 'string' || (version !== 1 && version !== 2)) return ERROR;
  made(evaluation, text);
  const words = version === 2 ? splitWords(text) : text.split(/\s+/).filter((word) => word !== '');
  return words ? listOf(words, scope) : ERROR;
});

export const wordFunctions: FunctionTable = {
  split,
  splitusername: splitAt('first'),
  splitslotname: splitAt('second'),
  envv1tov2: environmentToNew,
  mergeenvironment: mergeEnvironment,
  listtoargs: listToArguments,
  argstolist: argumentsToList,
};
