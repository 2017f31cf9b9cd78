import { windrowSettings } from '#base';
import type { CommandInput } from '../command.ts';
import { lookOf } from '../format.ts';
import type { config as spec } from '../table/about.ts';
import { formatTable } from '../text-table.ts';
import type { World } from '../world.ts';

/** `windrow config` */
export async function config(input: CommandInput<typeof spec>, world: World): Promise<number> {
  const { texts, origins, values } = input.settings;
  const keys = Object.keys(windrowSettings) as (keyof typeof windrowSettings)[];
  if (input.options.json) {
    const settings = keys.map((key) => {
      const { name } = windrowSettings[key];
      const hidden = texts[key] === '(hidden)';
      const { kind, place } = origins[key];
      // Lists and networks are told as they are written.
      const value = typeof values[key] === 'object' ? texts[key] : values[key];
      return { name, value: hidden ? null : value, text: texts[key], origin: kind, place };
    });
    await world.stdout.json({ settings });
    return 0;
  }
  const columns = [{ title: 'SETTING' }, { title: 'VALUE' }, { title: 'FROM' }];
  const rows = keys.map((key) => {
    const { kind, place } = origins[key];
    return [windrowSettings[key].name, texts[key], place === '' ? kind : `${kind}: ${place}`];
  });
  await world.stdout.write(formatTable(columns, rows, { ...lookOf(world.stdout), width: null }));
  return 0;
}
