/** Tests put programs behind walls in few words. Loaded by tests only. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, realpathSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseIpNetwork, removeTree } from '#base';
import { type Isolation, type Level, NO_ISOLATION, type ResourceRequest, type Wall } from '#model';
import { findLauncher, openStarter } from '../open-starter.ts';
import type { ProgramEnd, Starter } from '../port.ts';
import { PATH } from '../starter-world.ts';
import { findTool } from '../tool.ts';
import type { WallPlan } from './compose.ts';
import type { PlaceSettings, WallSettings } from './ground.ts';
import { openWalls, tagOf, type Walls } from './open-walls.ts';
import type { Remains, Settled } from './part.ts';
import type { Site } from './plot.ts';

const NOTHING_ASKED: ResourceRequest = {
  cpus: 1,
  memoryBytes: 0,
  diskBytes: 0,
  processes: 0,
  gpus: 0,
  timeMs: 0,
};

export interface WalledEnd {
  readonly end: ProgramEnd;
  readonly stdout: string;
  readonly stderr: string;
  readonly plan: WallPlan;
  readonly remains: readonly Remains[];
  readonly settled: readonly Settled[];
}

export interface WalledField {
  readonly walls: Walls;
  /** Of the worker. */
  readonly directory: string;
  readonly complaints: string[];
  run(
    walls: Level | readonly Wall[],
    command: string,
    more?: {
      isolation?: Partial<Isolation>;
      request?: Partial<ResourceRequest>;
      site?: Partial<Site>;
      /** Called when everything is planned and nothing done. */
      between?: () => void;
      /** Left out: one of its own. */
      starter?: Starter;
    },
  ): Promise<WalledEnd>;
  close(): Promise<void>;
}

export async function openWalledField(
  place: Partial<PlaceSettings> = {},
  level: Level = 'bare',
  directory = realpathSync(mkdtempSync(join(tmpdir(), 'windrow-walls-test-'))),
  settings: Partial<WallSettings> = {},
  register = join(directory, 'register'),
): Promise<WalledField> {
  const launcher = findLauncher();
  const complaints: string[] = [];
  const walls = await openWalls({
    ground: {
      tag: tagOf(directory),
      uid: process.getuid!(),
      gid: process.getgid!(),
      directory,
      settings: { ...settingsOf(place), ...settings },
    },
    register,
    level,
    account: 'auto',
    launcher,
    openStarter: () => openStarter({ launcherPath: launcher }),
    log: { warn: (facts, said) => void complaints.push(`${said}: ${JSON.stringify(facts)}`) },
  });
  let count = 0;
  return {
    walls,
    directory,
    complaints,
    async run(wanted, command, more = {}) {
      const name = `attempt-${++count}`;
      const scratch = join(directory, 'scratch', name);
      mkdirSync(scratch, { recursive: true, mode: 0o700 });
      const plan = await walls.plan({
        name,
        owner: '',
        slot: 1,
        cpus: [],
        devices: [],
        request: { ...NOTHING_ASKED, ...more.request },
        isolation: { ...NO_ISOLATION, walls: wanted, ...more.isolation },
        scratch,
        directory: scratch,
        mountUnderScratch: ['/tmp', '/var/tmp'],
        files: [],
        ...more.site,
      });
      more.between?.();
      return await runBehind(walls, plan, command, more.site?.directory ?? scratch, more.starter);
    },
    async close() {
      await walls.close();
      await removeTree(directory);
    },
  };
}

async function runBehind(
  walls: Walls,
  plan: WallPlan,
  command: string,
  directory: string,
  given?: Starter,
): Promise<WalledEnd> {
  const starter = given ?? openStarter({ launcherPath: findLauncher() });
  const output = { stdout: '', stderr: '' };
  try {
    await walls.raise(plan);
    const program = starter.start({
      file: '/bin/sh',
      argv: ['sh', '-c', command],
      environment: { PATH, ...plan.environment },
      directory,
      stdin: null,
      timeoutMs: 60_000,
      killGraceMs: 0,
      walls: plan.launch,
      onOutput: (stream, bytes) => {
        output[stream] += bytes;
      },
    });
    const end = await program.ended;
    if ('failed' in end) throw new Error(`${end.message} ${output.stderr}`);
    const remains = await walls.endRemains(plan);
    return { end, ...output, plan, remains, settled: await walls.settle(plan) };
  } finally {
    await walls.takeDown(plan);
    if (given === undefined) await starter.close();
  }
}

export const CGROUP: WallSettings['cgroup'] = {
  base: '',
  cpuCeiling: false,
  cpuPinning: false,
  memoryLimit: 'hard',
  mostTasks: 4096,
  io: null,
};

function settingsOf(place: Partial<PlaceSettings>): WallSettings {
  return {
    cgroup: CGROUP,
    network: {
      internal: [],
      external: [],
      forbidden: [],
      inner4: parseIpNetwork('198.18.0.0/15')!,
      inner6: parseIpNetwork('fd77:696e:6472::/48')!,
      resolvers: [],
      mostConnections: 0,
      setUpScript: '',
      tearDownScript: '',
      scriptMs: 10_000,
      prepared: 0,
    },
    place: { shared: [], writable: [], roots: {}, hidden: [], ...place },
    tracking: { way: 'auto', firstGroup: 0 },
    payload: {},
  };
}

/** Why a test cannot have mounts of its own here, with all these tools in it; false where it can. */
export function whyNoMounts(tools: readonly string[]): string | false {
  if (process.getuid?.() !== 0) return 'only root mounts';
  if (findLauncher() === null) return 'no launcher';
  const lacking = ['unshare', 'mount', ...tools].filter((tool) => findTool(tool) === null);
  return lacking.length > 0 && `without ${lacking.join(', ')}`;
}

/** True in the process that `testAmongOwnMounts` starts. */
export const isAmongOwnMounts = process.env.WINDROW_TEST_OWN_MOUNTS !== undefined;

/**
 * Runs the test file at `url` once more, in a mount namespace of its own with shared mounts as most
 * machines have them, where `isAmongOwnMounts`. Rejects with what it said when it fails.
 */
export async function testAmongOwnMounts(url: string): Promise<void> {
  const shared = 'mount --make-rprivate / && mount --make-rshared / && exec "$@"';
  const test = [process.execPath, '--test', fileURLToPath(url)];
  const child = spawn('unshare', ['--mount', 'sh', '-c', shared, 'sh', ...test], {
    env: { PATH: process.env.PATH, HOME: tmpdir(), WINDROW_TEST_OWN_MOUNTS: '1' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let said = '';
  child.stdout.on('data', (bytes) => {
    said += bytes;
  });
  const [code] = await once(child, 'close');
  if (code !== 0) throw new Error(said);
}
