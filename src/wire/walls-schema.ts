/** Readers of what processes tell each other about walls; see `checked.ts`. */
import {
  type Isolation,
  LEVEL_NAMES,
  type Level,
  type MachineWalls,
  NETWORKS,
  type Network,
  WALLS,
  type Wall,
  type WallsHad,
} from '#model';
import { type JsonObject, label, list, mismatch, oneOf, text } from './checked.ts';

const WALL_SET: ReadonlySet<Wall> = new Set(WALLS);
const LEVEL_SET: ReadonlySet<Level> = new Set(LEVEL_NAMES);
const NETWORK_SET: ReadonlySet<Network> = new Set(NETWORKS);
const NAMES = 1000;
const PATH = 4096;

/** What a worker can. A wall of a newer version is left out: nobody here can ask for it. */
export function readMachineWalls(fields: JsonObject): MachineWalls {
  return {
    able: list(fields.able, 'able', NAMES, readName).filter((name) =>
      WALL_SET.has(name as Wall),
    ) as Wall[],
    networks: list(fields.networks, 'networks', NAMES, (value) => oneOf(value, '', NETWORK_SET)),
    roots: list(fields.roots, 'roots', NAMES, readName),
    writable: list(fields.writable, 'writable', NAMES, readPath),
  };
}

export function readWallsHad(fields: JsonObject): WallsHad {
  return {
    wanted: readWanted(fields.wanted, 'wanted'),
    had: list(fields.had, 'had', WALLS.length, readWall),
    network: oneOf(fields.network, 'network', NETWORK_SET),
    root: text(fields.root, 'root', 200),
    account: label(fields.account, 'account', 200),
  };
}

/** What a job asks for. Here nothing may be left out: the job counts on it. */
export function readIsolation(fields: JsonObject): Isolation {
  return {
    walls: fields.walls === null ? null : readWanted(fields.walls, 'walls'),
    require: list(fields.require, 'require', WALLS.length, readWall),
    network: fields.network === null ? null : oneOf(fields.network, 'network', NETWORK_SET),
    root: text(fields.root, 'root', 200),
    write: list(fields.write, 'write', NAMES, readPath),
  };
}

function readWanted(value: unknown, key: string): Level | Wall[] {
  if (typeof value === 'string') return oneOf(value, key, LEVEL_SET);
  return list(value, key, WALLS.length, readWall);
}

function readWall(value: unknown): Wall {
  return oneOf(value, '', WALL_SET);
}

function readName(value: unknown): string {
  return label(value, '', 200);
}

function readPath(value: unknown): string {
  const path = text(value, '', PATH);
  if (path.startsWith('/') && !path.includes('\0')) return path;
  throw mismatch('', 'an absolute path', value);
}
