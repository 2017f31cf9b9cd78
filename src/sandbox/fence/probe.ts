/** Finds out by trying which walls bubblewrap and the last stage can put up here. */
import { readFileSync } from 'node:fs';
import type { Wall } from '#model';
import type { Starter } from '../port.ts';
import { findTool } from '../tool.ts';
import type { Ground } from '../walls/ground.ts';
import type { Ability } from '../walls/part.ts';
import { bubblewrapArguments } from './bubblewrap.ts';
import { type Fence, type LastStage, type ProbedFence, STAGE_WALLS } from './fence.ts';
import { type LastStageRequest, lastStageArguments } from './last-stage.ts';
import { tryWalls } from './trial.ts';

const FENCE_WALLS: readonly Wall[] = [
  'track',
  'pid',
  'ipc',
  'hostname',
  'tmp',
  'files',
  'devices',
  'readonly',
  'network',
];
const NOBODY = { name: 'nobody', uid: 65534, gid: 65534, groups: [] };
const INSIDE_FENCE = '/proc/self/fd/5';

/** `openStarter` gives a starter of its own; `lastStage` is null where there is no launcher. */
export async function probeFence(
  ground: Pick<Ground, 'uid'>,
  lastStage: LastStage | null,
  openStarter: () => Starter,
): Promise<ProbedFence> {
  if (lastStage === null) {
    const walls = [
      ...STAGE_WALLS,
      ...FENCE_WALLS,
      ...(ground.uid === 0 ? ['account' as const] : []),
    ];
    return { fence: null, lastStage, abilities: walls.map((wall) => without(wall, NO_LAUNCHER)) };
  }
  const probe = new Probe(ground.uid === 0, lastStage, openStarter);
  const whole = await probe.whole();
  if (whole !== null) return { ...whole, lastStage };
  const [stage, fence] = await Promise.all([probe.stageAbilities(), probe.fence()]);
  const withFence = fence.fence === null ? stage.map((one) => unlessAccount(one, fence)) : stage;
  return { fence: fence.fence, lastStage, abilities: [...withFence, ...fence.abilities] };
}

/** Without a fence another account could neither get to its files nor be kept from those of others. */
function unlessAccount(ability: Ability, fence: Pick<ProbedFence, 'abilities'>): Ability {
  const lack = fence.abilities.find(({ able }) => !able);
  const isMoot = ability.wall !== 'account' || !ability.able || lack === undefined || lack.able;
  return isMoot ? ability : { ...lack, wall: 'account' };
}

interface Lack {
  readonly how: string;
  readonly reason: string;
  readonly remedy: string;
}

const STAGE = 'last stage of the launcher';
const NO_LAUNCHER: Lack = {
  how: STAGE,
  reason: 'the launcher is not there',
  remedy: 'install a C compiler and run "npm rebuild" in the folder of Windrow',
};

const NO_BUBBLEWRAP: Lack = {
  how: 'bubblewrap',
  reason: 'there is no bwrap',
  remedy: 'install bubblewrap ("apt install bubblewrap", "dnf install bubblewrap")',
};

function without(wall: Wall, lack: Lack): Ability {
  return { wall, able: false, ...lack };
}

interface FenceTrial {
  readonly stage?: Partial<LastStageRequest>;
  readonly emptyNetwork?: boolean;
  readonly sharedMemoryBytes?: number | null;
  /** In words of the shell. */
  readonly does?: string;
}

/**
 * What is inside are three: the guard, a shell, and what it forks. Outside this user has as many at least:
 * the worker, a launcher and two of bubblewrap.
 */
const FEW_PROCESSES: FenceTrial = {
  stage: { limits: [{ resource: 'nproc', soft: 3, hard: 3 }] },
  does: '(:) && (:)',
};
const SMALL_MEMORY: FenceTrial = { sharedMemoryBytes: 65_536 };

/** A wall of the last stage, what it is asked for, and what would help where it cannot stand. */
type StageRow = [wall: Wall, wish: Partial<LastStageRequest>, remedy: string];

class Probe {
  readonly #isRoot: boolean;
  readonly #stage: LastStage;
  readonly #openStarter: () => Starter;

  constructor(isRoot: boolean, stage: LastStage, openStarter: () => Starter) {
    this.#isRoot = isRoot;
    this.#stage = stage;
    this.#openStarter = openStarter;
  }

  /**
   * Everything at once, as attempts have it: one start where trying each wall takes eight, and every
   * worker begins with it. Null when it fails: which wall it is shows when each is tried by itself.
   */
  async whole(): Promise<Pick<ProbedFence, 'fence' | 'abilities'> | null> {
    const bwrap = findTool('bwrap');
    if (!bwrap) return null;
    const fence = {
      ...this.#plain(bwrap),
      ...{ cgroupNamespace: true, countsProcesses: !this.#isRoot, boundsMemory: true },
    };
    const rows = this.#stageRows();
    const wishes = rows.map(([, wish]) => wish);
    const counted = this.#isRoot ? {} : FEW_PROCESSES;
    const stage: Partial<LastStageRequest> = Object.assign({}, counted.stage, ...wishes);
    const trial = { ...counted, ...SMALL_MEMORY, emptyNetwork: true, stage };
    if ((await this.#tryFence(fence, trial)) !== '') return null;
    const byStage = rows.map(([wall]): Ability => ({ wall, how: STAGE, able: true }));
    const byFence = FENCE_WALLS.map((wall): Ability => ({ wall, how: this.#how, able: true }));
    return { fence, abilities: [...byStage, ...this.#noAccount(), ...byFence] };
  }

  async stageAbilities(): Promise<Ability[]> {
    const abilities = await Promise.all(
      this.#stageRows().map(async ([wall, wish, remedy]): Promise<Ability> => {
        const reason = await this.#try(this.#stageArguments(this.#stage.launcher, wish));
        return reason === ''
          ? { wall, how: STAGE, able: true }
          : { wall, how: STAGE, able: false, reason, remedy };
      }),
    );
    return [...abilities, ...this.#noAccount()];
  }

  #stageRows(): StageRow[] {
    const kernel = 'use a kernel that has it';
    return [
      ['privileges', { noPrivileges: true }, kernel],
      ['keys', { keys: true }, kernel],
      ...(this.#stage.filter
        ? [['syscalls', { noPrivileges: true, filter: true }, kernel] satisfies StageRow]
        : []),
      ...(this.#isRoot
        ? [['account', { account: NOBODY }, 'give it CAP_SETUID and CAP_SETGID'] satisfies StageRow]
        : []),
    ];
  }

  #noAccount(): Ability[] {
    return this.#isRoot ? [] : [without('account', NOT_ROOT)];
  }

  get #how(): string {
    return this.#isRoot ? 'bubblewrap as root' : 'bubblewrap in a user namespace';
  }

  #plain(bwrap: string): Fence {
    return {
      ...{ bwrap, userNamespace: !this.#isRoot, cgroupNamespace: false },
      ...{ countsProcesses: false, boundsMemory: false },
    };
  }

  async fence(): Promise<Pick<ProbedFence, 'fence' | 'abilities'>> {
    const bwrap = findTool('bwrap');
    if (!bwrap) {
      return { fence: null, abilities: FENCE_WALLS.map((wall) => without(wall, NO_BUBBLEWRAP)) };
    }
    const plain = this.#plain(bwrap);
    const how = this.#how;
    const reason = await this.#tryFence(plain);
    if (reason !== '') {
      const lack = { how, reason, remedy: remedyOf(reason) };
      return { fence: null, abilities: FENCE_WALLS.map((wall) => without(wall, lack)) };
    }
    const [cgroupFault, networkFault, countFault, boundFault] = await Promise.all([
      this.#tryFence({ ...plain, cgroupNamespace: true }),
      this.#tryFence(plain, { emptyNetwork: true }),
      this.#isRoot ? 'root is held to none' : this.#tryFence(plain, FEW_PROCESSES),
      this.#tryFence(plain, SMALL_MEMORY),
    ]);
    const abilities = FENCE_WALLS.map((wall): Ability => {
      if (wall !== 'network' || networkFault === '') return { wall, how, able: true };
      return { wall, how, able: false, reason: networkFault, remedy: remedyOf(networkFault) };
    });
    const fence = {
      ...plain,
      cgroupNamespace: cgroupFault === '',
      countsProcesses: countFault === '',
      boundsMemory: boundFault === '',
    };
    return { fence, abilities };
  }

  #stageArguments(launcher: string, wish: Partial<LastStageRequest>): string[] {
    return lastStageArguments({
      launcher,
      init: false,
      account: null,
      mark: null,
      limits: [],
      keys: false,
      noPrivileges: false,
      filter: false,
      ...wish,
    });
  }

  #tryFence(
    fence: Fence,
    { emptyNetwork = false, sharedMemoryBytes = null, stage = {}, does = ':' }: FenceTrial = {},
  ): Promise<string> {
    const prefix = bubblewrapArguments({
      ...fence,
      mounts: [
        { kind: 'bind-read-only', source: '/', target: '/' },
        { kind: 'devices', target: '/dev', sharedMemoryBytes },
        { kind: 'processes', target: '/proc' },
      ],
      emptyNetwork,
      directory: '/',
    });
    const last = this.#stageArguments(INSIDE_FENCE, { ...stage, init: true });
    return this.#try([...prefix, ...last], true, does);
  }

  async #try(prefix: readonly string[], guarded = false, does = ':'): Promise<string> {
    const { filter, launcher } = this.#stage;
    const starter = this.#openStarter();
    try {
      const files = [filter ?? '/dev/null', ...(guarded ? [launcher] : [])];
      return await tryWalls(starter, { prefix, files, guarded }, does);
    } finally {
      await starter.close();
    }
  }
}

const NOT_ROOT: Lack = {
  how: STAGE,
  reason: 'the worker is not root',
  remedy: 'run the worker as root, or each user’s jobs by a worker of that user',
};

/** Switches by which distributions forbid user namespaces to ordinary users. */
const SWITCHES = [
  [
    'kernel/apparmor_restrict_unprivileged_userns',
    '1',
    'kernel.apparmor_restrict_unprivileged_userns=0',
  ],
  ['kernel/unprivileged_userns_clone', '0', 'kernel.unprivileged_userns_clone=1'],
  ['user/max_user_namespaces', '0', 'user.max_user_namespaces=10000'],
] as const;

function remedyOf(reason: string): string {
  for (const [file, forbidding, setting] of SWITCHES) {
    if (readSwitch(file) === forbidding) return `sudo sysctl ${setting}`;
  }
  return /proc/.test(reason)
    ? 'in a container: let it mount /proc (e.g. "--security-opt systempaths=unconfined")'
    : 'in a container: let it make namespaces (e.g. "--security-opt seccomp=unconfined")';
}

function readSwitch(name: string): string {
  try {
    return readFileSync(`/proc/sys/${name}`, 'utf8').trim();
  } catch {
    return '';
  }
}
