import type { CommandSpec } from './command.ts';
import { type DescribedOption, describedOptions } from './described-option.ts';
import { COMMANDS } from './table.ts';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];

/** The completion script of a shell; complete in itself, it asks nothing of windrow when used. */
export function completionScript(shell: Shell): string {
  if (shell === 'bash') return bash();
  return shell === 'zsh' ? zsh() : fish();
}

function longNames(options: readonly DescribedOption[]): string {
  return options.map((option) => option.names[0]).join(' ');
}

/** Words that may stand as the first argument of a command. */
function firstWords(spec: CommandSpec): string {
  if (spec.name === 'completion') return SHELLS.join(' ');
  if (spec.name === 'man') return COMMANDS.map(({ name }) => name).join(' ');
  return spec.name === 'workers' ? 'pause resume drain' : '';
}

function bash(): string {
  const values = (spec: CommandSpec) =>
    describedOptions(spec).flatMap((option) => {
      const pattern = `    ${spec.name},${option.names[0]}`;
      if (option.choices.length > 0) return [`${pattern}) words='${option.choices.join(' ')}' ;;`];
      if (option.isPath) return [`${pattern}) compopt -o default; return ;;`];
      return option.value === '' ? [] : [`${pattern}) return ;;`];
    });
  const words = (spec: CommandSpec) => {
    const files = spec.takesCommand === true ? ' compopt -o default;' : '';
    const first = `*) words='${firstWords(spec)}';${files} ;;`;
    const options = `-*) words='${longNames(describedOptions(spec))}' ;;`;
    return `      ${spec.name}) case "$current" in ${options} ${first} esac ;;`;
  };
  return `# bash completion of windrow; made by: windrow completion bash
_windrow() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]}
  local command=\${COMP_WORDS[1]} words=
  if [ "$COMP_CWORD" -eq 1 ]; then
    words='${COMMANDS.map(({ name }) => name).join(' ')} help --help --version'
  else
    case "$command,$previous" in
${COMMANDS.flatMap(values).join('\n')}
    *)
      case "$command" in
${COMMANDS.map(words).join('\n')}
      help) words='${COMMANDS.map(({ name }) => name).join(' ')}' ;;
      esac ;;
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F _windrow windrow
`;
}

/** Inside single quotes of sh and its kin. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}

function zsh(): string {
  const option = ({ names, value, doc, choices, isPath }: DescribedOption) => {
    const text = doc.replace(/[[\]:\\]/g, '\\$&');
    const hint = value.replace(/[<>]/g, '').replace(/[:\\]/g, '\\$&');
    const action = choices.length > 0 ? `(${choices.join(' ')})` : isPath ? '_files' : ' ';
    return names.map((name) =>
      quoted(`*${name}[${text}]${value === '' ? '' : `:${hint}:${action}`}`),
    );
  };
  const command = (spec: CommandSpec) => {
    const first = firstWords(spec) === '' ? '_files' : `(${firstWords(spec)})`;
    const specs = [...describedOptions(spec).flatMap(option), quoted(`*:argument:${first}`)];
    return `    ${spec.name}) _arguments -s ${specs.join(' \\\n      ')} ;;`;
  };
  const names = COMMANDS.map(({ name, summary }) => `    ${quoted(`${name}:${summary}`)}`);
  return `#compdef windrow
# zsh completion of windrow; made by: windrow completion zsh
_windrow() {
  local -a commands
  commands=(
${names.join('\n')}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT-- ))
  case $command in
${COMMANDS.map(command).join('\n')}
  esac
}
compdef _windrow windrow
`;
}

function fish(): string {
  const lines: string[] = [];
  for (const spec of COMMANDS) {
    const summary = fishQuoted(spec.summary);
    lines.push(`complete -c windrow -f -n __fish_use_subcommand -a ${spec.name} -d ${summary}`);
    const seen = `-n '__fish_seen_subcommand_from ${spec.name}'`;
    const first = firstWords(spec);
    if (first !== '') lines.push(`complete -c windrow -f ${seen} -a '${first}'`);
    for (const option of describedOptions(spec))
      lines.push(`complete -c windrow ${seen} ${fishOption(option)}`);
  }
  return `# fish completion of windrow; made by: windrow completion fish\n${lines.join('\n')}\n`;
}

function fishOption({ names, value, doc, choices, isPath }: DescribedOption): string {
  const flags = names.map((name) =>
    name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`,
  );
  const kind = value === '' ? '' : isPath ? ' -r -F' : ' -x';
  const words = choices.length > 0 ? ` -a '${choices.join(' ')}'` : '';
  return `${flags.join(' ')}${kind}${words} -d ${fishQuoted(doc)}`;
}

function fishQuoted(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`;
}
