import { shellWord } from '#base';
import { type CommandSpec, groupOf, TRUTH_VALUE } from './command.ts';
import { type DescribedOption, describedOptions } from './described-option.ts';
import { COMMANDS, GROUPS } from './table.ts';

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

function topNames(): string {
  return topWords()
    .map(({ name }) => name)
    .join(' ');
}

/** What may come right after `windrow`: commands that stand by themselves, and groups. */
function topWords(): { name: string; summary: string }[] {
  return [...COMMANDS.filter(({ name }) => groupOf(name) === null), ...GROUPS];
}

/** The commands of a group, by their own words. */
function wordsOf(group: string): { word: string; spec: CommandSpec }[] {
  return COMMANDS.flatMap((spec) => {
    const place = groupOf(spec.name);
    return place?.group === group ? [{ word: place.word, spec }] : [];
  });
}

/** Words that may stand as the first argument of a command. */
function firstWords(spec: CommandSpec): string {
  if (spec.name === 'completion') return SHELLS.join(' ');
  if (spec.name === 'man') return topNames();
  return spec.name === 'workers' ? 'pause resume drain' : '';
}

/** What must follow the name of an option; `yes` and `no` may also be left out. */
function needed({ value }: DescribedOption): string {
  return value === TRUTH_VALUE ? '' : value;
}

function bash(): string {
  const values = (spec: CommandSpec) =>
    describedOptions(spec).flatMap((option) => {
      const pattern = `    '${spec.name}',${option.names[0]}`;
      if (option.choices.length > 0) return [`${pattern}) words='${option.choices.join(' ')}' ;;`];
      if (option.isPath) return [`${pattern}) compopt -o default; return ;;`];
      return needed(option) === '' ? [] : [`${pattern}) return ;;`];
    });
  const words = (spec: CommandSpec) => {
    const files = spec.takesCommand === true ? ' compopt -o default;' : '';
    const first = `*) words='${firstWords(spec)}';${files} ;;`;
    const options = `-*) words='${longNames(describedOptions(spec))}' ;;`;
    return `      '${spec.name}') case "$current" in ${options} ${first} esac ;;`;
  };
  const groupWords = ({ name }: { name: string }) =>
    `    ${name}) words='${wordsOf(name)
      .map(({ word }) => word)
      .join(' ')}' ;;`;
  const groupCommand = ({ name }: { name: string }) =>
    `    ${name}) command="$command \${COMP_WORDS[2]}" first=2 ;;`;
  return `# bash completion of windrow; made by: windrow completion bash
_windrow() {
  local current=\${COMP_WORDS[COMP_CWORD]} previous=\${COMP_WORDS[COMP_CWORD-1]}
  local command=\${COMP_WORDS[1]} words= first=1
  case "$command" in
${GROUPS.map(groupCommand).join('\n')}
  esac
  if [ "$COMP_CWORD" -eq 1 ]; then
    words='${topNames()} help --help --version'
  elif [ "$COMP_CWORD" -eq "$first" ]; then
    case "\${COMP_WORDS[1]}" in
${GROUPS.map(groupWords).join('\n')}
    esac
  else
    case "$command,$previous" in
${COMMANDS.flatMap(values).join('\n')}
    *)
      case "$command" in
${COMMANDS.map(words).join('\n')}
      help) words='${topNames()}' ;;
      esac ;;
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$current"))
}
complete -F _windrow windrow
`;
}

function zsh(): string {
  const option = (described: DescribedOption) => {
    const { names, doc, choices, isPath } = described;
    const value = needed(described);
    const text = doc.replace(/[[\]:\\]/g, '\\$&');
    const hint = value.replace(/[<>]/g, '').replace(/[:\\]/g, '\\$&');
    const action = choices.length > 0 ? `(${choices.join(' ')})` : isPath ? '_files' : ' ';
    return names.map((name) =>
      shellWord(`*${name}[${text}]${value === '' ? '' : `:${hint}:${action}`}`),
    );
  };
  const command = (spec: CommandSpec) => {
    const first = firstWords(spec) === '' ? '_files' : `(${firstWords(spec)})`;
    const specs = [...describedOptions(spec).flatMap(option), shellWord(`*:argument:${first}`)];
    return `    ${shellWord(spec.name)}) _arguments -s ${specs.join(' \\\n      ')} ;;`;
  };
  const described = (name: string, summary: string) => `    ${shellWord(`${name}:${summary}`)}`;
  const names = topWords().map(({ name, summary }) => described(name, summary));
  const group = ({ name }: { name: string }) => {
    const words = wordsOf(name).map(({ word, spec }) => described(word, spec.summary));
    return `    ${name}) commands=(\n${words.join('\n')}\n    ) ;;`;
  };
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
  commands=()
  case $command in
${GROUPS.map(group).join('\n')}
  esac
  if (( $#commands )); then
    if (( CURRENT == 2 )); then
      _describe command commands
      return
    fi
    command="$command $words[2]"
    shift words
    (( CURRENT-- ))
  fi
  case $command in
${COMMANDS.map(command).join('\n')}
  esac
}
compdef _windrow windrow
`;
}

function fish(): string {
  const lines: string[] = [];
  for (const { name, summary } of topWords()) {
    const doc = fishQuoted(summary);
    lines.push(`complete -c windrow -f -n __fish_use_subcommand -a ${name} -d ${doc}`);
  }
  for (const spec of COMMANDS) {
    const seen = `-n '${fishSeen(spec)}'`;
    lines.push(...fishWord(spec));
    const first = firstWords(spec);
    if (first !== '') lines.push(`complete -c windrow -f ${seen} -a '${first}'`);
    for (const option of describedOptions(spec))
      lines.push(`complete -c windrow ${seen} ${fishOption(option)}`);
  }
  return `# fish completion of windrow; made by: windrow completion fish\n${lines.join('\n')}\n`;
}

/** True in fish when the command line has come to this command. */
function fishSeen(spec: CommandSpec): string {
  const place = groupOf(spec.name);
  const seen = (word: string) => `__fish_seen_subcommand_from ${word}`;
  return place === null ? seen(spec.name) : `${seen(place.group)}; and ${seen(place.word)}`;
}

/** The line that offers a command of a group once the group's word stands. */
function fishWord(spec: CommandSpec): string[] {
  const place = groupOf(spec.name);
  if (place === null) return [];
  const words = wordsOf(place.group).map(({ word }) => word);
  const seen = `__fish_seen_subcommand_from ${place.group}`;
  const notYet = `not __fish_seen_subcommand_from ${words.join(' ')}`;
  const doc = fishQuoted(spec.summary);
  return [`complete -c windrow -f -n '${seen}; and ${notYet}' -a ${place.word} -d ${doc}`];
}

function fishOption(option: DescribedOption): string {
  const { names, doc, choices, isPath } = option;
  const flags = names.map((name) =>
    name.startsWith('--') ? `-l ${name.slice(2)}` : `-s ${name.slice(1)}`,
  );
  const kind = needed(option) === '' ? '' : isPath ? ' -r -F' : ' -x';
  const words = choices.length > 0 ? ` -a '${choices.join(' ')}'` : '';
  return `${flags.join(' ')}${kind}${words} -d ${fishQuoted(doc)}`;
}

function fishQuoted(text: string): string {
  return `'${text.replace(/[\\']/g, '\\$&')}'`;
}
