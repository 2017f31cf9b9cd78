import { windrowSettings } from '#base';
import { type CommandSpec, type OptionSpec, ownsShortHelp } from './command.ts';
import { settingOption } from './program.ts';

/** An option as those see it who describe it: completion, manual, reference. */
export interface DescribedOption {
  /** `--slots`, and `-n` where there is one. */
  readonly names: readonly string[];
  /** `<n>`, or empty for a flag. */
  readonly value: string;
  readonly doc: string;
  readonly choices: readonly string[];
  /** The value is a file or directory. */
  readonly isPath: boolean;
}

const PATHS = /^<(file|dir|name=file)>$/;

const HELP: DescribedOption = {
  names: ['--help', '-h'],
  value: '',
  doc: 'Show help with examples.',
  choices: [],
  isPath: false,
};

export function describedOptions(spec: CommandSpec): DescribedOption[] {
  const help = ownsShortHelp(spec) ? { ...HELP, names: ['--help'] } : HELP;
  return [...Object.values(spec.options).map(described), help];
}

function described(option: OptionSpec): DescribedOption {
  const { flags, doc } = option.kind === 'setting' ? settingOption(option) : option;
  const words = flags.split(/,? +/);
  const value = words.find((word) => /^[<[]/.test(word)) ?? '';
  const choices =
    option.kind === 'setting'
      ? choicesOf(option.setting)
      : 'choices' in option
        ? option.choices
        : [];
  const names = words.filter((word) => word.startsWith('-')).sort((a, b) => b.length - a.length);
  return { names, value, doc, choices: choices ?? [], isPath: PATHS.test(value) };
}

function choicesOf(key: keyof typeof windrowSettings): readonly string[] {
  const setting = windrowSettings[key];
  return 'choices' in setting ? setting.choices : [];
}
