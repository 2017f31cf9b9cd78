import { resolve } from 'node:path';
import type { MachineWish } from './machines-port.ts';
import type { ReadSettings, World } from './world.ts';

/** The machines that a command names, and how to talk to them. */
export function machineWish(nodes: string, { values }: ReadSettings, world: World): MachineWish {
  const path = resolve(world.surroundings.directory, nodes);
  const { parallel, connectTimeoutMs } = values;
  return { nodes: { path, name: nodes }, parallel, connectTimeoutMs };
}
