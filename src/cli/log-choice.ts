import type { LogChoice } from './port.ts';
import type { ReadSettings, World } from './world.ts';

/** How to log, with `auto` decided by where stderr goes. */
export function logChoice(settings: ReadSettings, world: World): LogChoice {
  const { logLevel, logFormat } = settings.values;
  const pretty = logFormat === 'auto' ? world.stderr.isTerminal : logFormat === 'pretty';
  return { level: logLevel, format: pretty ? 'pretty' : 'json', color: world.stderr.color };
}
