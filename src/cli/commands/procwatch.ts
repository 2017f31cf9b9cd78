import type { CommandInput } from '../command.ts';
import { formatMoment } from '../format.ts';
import type { ProcessNotice } from '../port.ts';
import type { procwatch as spec } from '../table/procwatch.ts';
import type { World } from '../world.ts';

/** The launcher of Windrow: its children are programs of attempts. */
const OWN_DAEMON = 'launcher';
const GRACE_MS = 5000;
const ONLY_ON_REQUEST: ReadonlySet<ProcessNotice['kind']> = new Set([
  'begun',
  'ended',
  'daemonised',
]);

/** `windrow procwatch`: until it is interrupted. */
export async function procwatch(
  { args, options, composition }: CommandInput<typeof spec>,
  world: World,
): Promise<number> {
  const daemons = args.length > 0 ? args : [OWN_DAEMON];
  const wish = { daemons, graceMs: options.grace ?? GRACE_MS, kill: options.kill };
  const tell = (notice: ProcessNotice) => {
    if (ONLY_ON_REQUEST.has(notice.kind) && !options.all) return;
    const atMs = world.clock.now();
    const line = options.json
      ? JSON.stringify({ atMs, ...notice })
      : `${formatMoment(atMs)}  ${notice.text}`;
    world.stdout.attempt(`${line}\n`);
  };
  await composition.watchProcesses(wish, tell, world.ending);
  await world.stdout.flush();
  return 0;
}
