import { environmentName, expectedOf, type Setting, trapSettings, windrowSettings } from '#base';
import { cell, code, printedFrom, table } from './markdown.ts';

/** docs/reference/settings.md */
export function settingsPage(): string {
  const rows = Object.values<Setting>(windrowSettings).map((setting) => [
    code(setting.name),
    code(environmentName(setting)),
    cell(expectedOf(setting)),
    cell(defaultOf(setting)),
    cell(setting.doc),
  ]);
  return [
    printedFrom('src/base/windrow-settings.ts'),
    '# Settings\n',
    'A setting comes from the command line (`--lease "1 min"`), else from the environment',
    '(`WINDROW_LEASE`), else from the user file `$XDG_CONFIG_HOME/windrow/windrow.conf` (`~/.config` where',
    'that is not set), else from the system file `/etc/windrow/windrow.conf`. The files are INI without',
    'sections:\n',
    '```ini\n# for everybody on this machine\nlisten = 127.0.0.1:8980\nlease = 1 min\n```\n',
    'Every value that is given is checked, also one that another overrides, and all problems are told at',
    'once with their place. `windrow config` shows what holds and where it came from. For `windrow run`,',
    '`listen` and `state` hold only where its own command line gives them.\n',
    table(['setting', 'variable', 'what it may be', 'default', ''], rows),
    '## The trap collector\n',
    '`windrow traps serve` has settings of its own. They come from `/etc/windrow/traps.ini`, then from the',
    'user file `$XDG_CONFIG_HOME/windrow/traps.ini`, then from the file that `--filename` names, then from',
    'the command line; later ones win. The files are INI, with or without a section `[traps]`; long and',
    'short names mean the same:\n',
    '```ini\n[traps]\nhost =\nallow = 10.0.0.0/8, 192.0.2.7\nm = 500\n```\n',
    table(['setting', 'short', 'what it may be', 'default', ''], trapRows()),
  ].join('\n');
}

function trapRows(): string[][] {
  return Object.values<Setting>(trapSettings).map((setting) => [
    code(setting.name),
    setting.short === undefined ? '' : code(setting.short),
    cell(expectedOf(setting)),
    cell(defaultOf(setting)),
    cell(setting.doc),
  ]);
}

function defaultOf(setting: Setting): string {
  return setting.defaultDoc ?? (typeof setting.default === 'string' ? setting.default : '');
}
