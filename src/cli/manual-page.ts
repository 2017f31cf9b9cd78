import { environmentName, type Setting, windrowSettings } from '#base';
import { type CommandSpec, exitCodesOf } from './command.ts';
import { describedOptions } from './described-option.ts';
import { usageOfRun } from './program.ts';
import { COMMANDS } from './table.ts';

/** A manual page in roff (man macros, groff_man(7)): of one command, or of windrow itself. */
export function manualPage(spec: CommandSpec | null, version: string): string {
  return spec === null ? overview(version) : commandPage(spec, version);
}

/** Text that roff prints as it is: no escapes, no line that begins a macro, plain hyphens. */
function plain(text: string): string {
  return text
    .replaceAll('\\', '\\(rs')
    .replaceAll('-', '\\-')
    .replaceAll('^', '\\(ha')
    .replaceAll('~', '\\(ti')
    .replace(/^([.'])/gm, '\\&$1')
    .replace(/[^\0-\x7f]/gu, (character) => `\\[u${codeOf(character)}]`);
}

/** As groff names characters: at least four upper-case hexadecimal digits. */
function codeOf(character: string): string {
  return character.codePointAt(0)!.toString(16).toUpperCase().padStart(4, '0');
}

function title(name: string, version: string): string {
  return `.TH ${name.toUpperCase()} 1 "" "windrow ${version}" "Windrow"\n`;
}

function section(name: string, body: string): string {
  return `.SH ${name}\n${body}`;
}

function entry(term: string, text: string): string {
  return `.TP\n.B ${plain(term)}\n${plain(text)}\n`;
}

function pageName({ name }: CommandSpec): string {
  return `windrow-${name.replace(' ', '-')}`;
}

function commandPage(spec: CommandSpec, version: string): string {
  const usage =
    spec.takesCommand === true
      ? usageOfRun(spec).replaceAll('--', '\\-\\-').replace('…', '...')
      : usageOf(spec);
  const options = describedOptions(spec).map(({ names, value, doc, choices }) => {
    const allowed = choices.length > 0 ? ` One of: ${choices.join(', ')}.` : '';
    return entry(`${names.join(', ')} ${value}`.trim(), doc + allowed);
  });
  return [
    title(pageName(spec), version),
    section('NAME', `${plain(pageName(spec))} \\- ${plain(spec.summary)}\n`),
    section('SYNOPSIS', `.B windrow ${spec.name}\n${usage}\n`),
    section('DESCRIPTION', [spec.summary, ...spec.details].map(plain).join('\n.PP\n').concat('\n')),
    ...(spec.arguments.length > 0
      ? [section('ARGUMENTS', spec.arguments.map(({ usage, doc }) => entry(usage, doc)).join(''))]
      : []),
    section('OPTIONS', options.join('')),
    section('EXAMPLES', spec.examples.map(({ line, does }) => entry(line, does)).join('')),
    section(
      'EXIT STATUS',
      exitCodesOf(spec)
        .map(([code, text]) => entry(String(code), text))
        .join(''),
    ),
    section('SEE ALSO', '.BR windrow (1)\n'),
  ].join('');
}

function usageOf(spec: CommandSpec): string {
  return plain(['[options]', ...spec.arguments.map(({ usage }) => usage)].join(' '));
}

function overview(version: string): string {
  const settings = Object.values<Setting>(windrowSettings).map((setting) =>
    entry(`${setting.name}, ${environmentName(setting)}`, setting.doc),
  );
  return [
    title('windrow', version),
    section('NAME', 'windrow \\- high\\-throughput computing in one executable\n'),
    section('SYNOPSIS', '.B windrow\nCOMMAND [options]\n'),
    section(
      'DESCRIPTION',
      plain(
        'Windrow runs one program over very many parameter sets on whatever machines there are, ' +
          'checks every result, collects them, and says at the end who did what and what failed.',
      ).concat('\n'),
    ),
    section('COMMANDS', COMMANDS.map((spec) => entry(spec.name, spec.summary)).join('')),
    section('SETTINGS', settings.join('')),
    section(
      'FILES',
      entry('/etc/windrow/windrow.conf', 'Settings for everybody.') +
        entry('$XDG_CONFIG_HOME/windrow/windrow.conf', 'Settings of the user.') +
        entry('$XDG_STATE_HOME/windrow', 'State directory of the server.'),
    ),
    section(
      'SEE ALSO',
      `${COMMANDS.map((spec) => `.BR ${plain(pageName(spec))} (1)`).join(',\n')}\n`,
    ),
  ].join('');
}
