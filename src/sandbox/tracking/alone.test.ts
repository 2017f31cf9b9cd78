/** Attempts whose worker knows their processes in one way alone: what a daemon gets away with. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { describe, it } from 'node:test';
import { findLauncher, openStarter } from '../open-starter.ts';
import { listProcesses } from '../process-table.ts';
import { findTool } from '../tool.ts';
import { openWalledField } from '../walls/testing.ts';
import { trackingWays } from './report.ts';
import { STRATEGIES } from './strategies.ts';
import type { Tracking } from './ways.ts';

const launcherPath = findLauncher();
const isRoot = process.getuid?.() === 0;
const noGroups = isRoot ? false : 'only root gives groups';
const noFence = findTool('bwrap') === null ? 'no bubblewrap' : false;
const noLook = findTool('pgrep') === null ? 'no pgrep' : false;
/** Nobody on a machine that runs tests has so high a group. */
const GROUP = 1_900_000_000 + process.pid;

const KINDS = ['child', 'daemon', 'clean daemon'] as const;
type Kind = (typeof KINDS)[number];
let count = 0;

/** Leaves one of each kind, known by its odd duration, and ends once all of them are there. */
function program(mark: string): string {
  const sleep = (kind: Kind) => `sleep ${mark}${KINDS.indexOf(kind)}`;
  return `
${sleep('child')} >/dev/null 2>&1 &
(setsid ${sleep('daemon')} >/dev/null 2>&1 &)
(env -i setsid /bin/${sleep('clean daemon')} >/dev/null 2>&1 &)
until [ "$(pgrep -fc '^(/bin/)?sleep ${mark}[0-2]$')" -ge 3 ]; do sleep 0.05; done`;
}

function alive(mark: string): Map<Kind, number> {
  const found = new Map<Kind, number>();
  for (const pid of listProcesses()) {
    const duration = argumentOf(pid);
    const kind = duration.startsWith(mark) && KINDS[Number(duration.slice(mark.length))];
    if (kind) found.set(kind, pid);
  }
  return found;
}

function argumentOf(pid: number): string {
  try {
    const [name, duration] = readFileSync(`/proc/${pid}/cmdline`, 'latin1').split('\0');
    return name?.endsWith('sleep') ? (duration ?? '') : '';
  } catch {
    return ''; // gone
  }
}

describe('an attempt whose processes are known in one way alone', {
  skip: launcherPath === null ? 'no launcher' : noLook,
}, () => {
  for (const [way, missed, skip] of [
    ['pid namespace', [], noFence],
    ['group id', [], noGroups],
    ['adoption', [], false],
    ['cookie', ['clean daemon'], false],
    // With the end of the program its children have no parent by which they could be found.
    ['process tree', KINDS, false],
    ['process group', ['daemon', 'clean daemon'], false],
  ] as const satisfies readonly (readonly [Tracking, readonly Kind[], string | false])[]) {
    const misses = missed.length === 0 ? 'nothing' : missed.join(' and ');
    it(`by ${way} misses ${misses}`, { skip }, async () => {
      const mark = `4100.${process.pid}${++count}`;
      const tracking = { way, firstGroup: GROUP };
      const field = await openWalledField({}, 'bare', undefined, { tracking });
      const starter = openStarter({ launcherPath, tracking: way });
      try {
        const level = way === 'pid namespace' || way === 'group id' ? 'tracked' : 'bare';
        const { end, plan } = await field.run(level, program(mark), { starter });
        assert.equal(end.exitCode, 0);
        assert.deepEqual([...alive(mark).keys()].toSorted(), [...missed].toSorted());
        assert.equal(end.strays, KINDS.length - missed.length);
        assert.equal(plan.record.had.includes('track'), level === 'tracked');
        assert.equal(plan.launch.cgroups.length, 0);
      } finally {
        for (const pid of alive(mark).values()) process.kill(pid, 'SIGKILL');
        await starter.close();
        await field.close();
      }
    });
  }

  it('is told by a machine, with what each way misses and which is used', async () => {
    const field = await openWalledField({}, 'bare', undefined, {
      tracking: { way: 'cookie', firstGroup: 0 },
    });
    try {
      const abilities = await field.walls.abilities();
      const about = { way: 'cookie', level: 'tracked', hasLauncher: true } as const;
      const ways = trackingWays(about, abilities);
      assert.deepEqual(
        ways.map(({ name }) => name),
        STRATEGIES.map(({ name }) => name),
      );
      assert.deepEqual(
        ways.filter(({ used }) => used).map(({ name }) => name),
        ['cookie'],
      );
      const cgroup = ways.find(({ name }) => name === 'cgroup')!;
      assert.match(cgroup.reason, /isolation-tracking is cookie|cgroup/);
    } finally {
      await field.close();
    }
  });
});
