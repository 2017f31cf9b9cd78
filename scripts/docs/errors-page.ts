import type { ErrorEntry, Facts } from '#base';
import { errorTables } from '../../src/bin/composition.ts';
import { cell, code, printedFrom, table } from './markdown.ts';

/** docs/reference/errors.md */
export async function errorsPage(): Promise<string> {
  const rooms = Map.groupBy(await errorTables(), ({ room }) => room);
  const parts = [...rooms].map(([room, tables]) => {
    const entries = tables.flatMap((one) => Object.entries(one.entries));
    return `## ${room}\n\n${table(['code', 'example', 'what to do', 'status'], entries.map(rowOf))}`;
  });
  return [
    printedFrom('src/*/errors.ts'),
    '# Errors\n',
    'Every error has a stable code, a message made from facts, and what to do next. Over HTTP it is',
    '`application/problem+json` with `code`, `detail`, `todo` and `facts`. `windrow errors CODE` explains',
    'one.\n',
    ...parts,
  ].join('\n');
}

function rowOf([name, entry]: [string, ErrorEntry]): string[] {
  const { message, todo, status, example } = entry;
  return [code(name), cell(filled(message, example)), cell(filled(todo, example)), String(status)];
}

function filled(template: string, facts: Facts): string {
  return template.replace(/\{(\w+)\}/g, (_, name: string) => String(facts[name] ?? '?'));
}
