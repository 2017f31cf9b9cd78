import { COMMANDS, type CommandSpec, describedOptions, exitCodesOf } from '#cli';
import { cell, code, printedFrom, table } from './markdown.ts';

/** docs/reference/commands.md */
export function commandsPage(): string {
  const rows = COMMANDS.map(({ name, summary }) => [
    `[${code(name)}](#windrow-${name.replace(' ', '-')})`,
    cell(summary),
  ]);
  return [
    printedFrom('src/cli/table/'),
    '# Commands\n',
    table(['command', 'what it does'], rows),
    ...COMMANDS.map(commandText),
  ].join('\n');
}

function commandText(spec: CommandSpec): string {
  const words = spec.arguments.map(({ usage }) => usage).join(' ');
  const usage =
    spec.takesCommand === true
      ? `[options] ${words} | [options] -- COMMAND…`
      : `[options] ${words}`;
  const options = describedOptions(spec).map(({ names, value, doc, choices }) => {
    const allowed = choices.length > 0 ? ` One of: ${choices.join(', ')}.` : '';
    return [code(`${names.join(', ')} ${value}`.trim()), cell(doc + allowed)];
  });
  const given = spec.arguments.map(({ usage, doc }) => [code(usage), cell(doc)]);
  const examples = spec.examples.map(({ line, does }) => `# ${does}\n${line}`).join('\n');
  const codes = exitCodesOf(spec).map(([exitCode, meaning]) => [String(exitCode), cell(meaning)]);
  return [
    `## windrow ${spec.name}\n`,
    `${[spec.summary, ...spec.details].join('\n\n')}\n`,
    `\`\`\`sh\nwindrow ${spec.name} ${usage.trim()}\n\`\`\`\n`,
    ...(given.length > 0 ? [table(['argument', ''], given)] : []),
    table(['option', ''], options),
    `\`\`\`sh\n${examples}\n\`\`\`\n`,
    table(['exit code', ''], codes),
  ].join('\n');
}
