/** Where programs begin (launcher/processor.h) must not be where they have to stay. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { LauncherStarter } from './launcher.ts';
import { findLauncher } from './open-starter.ts';
import type { ProgramEnd } from './port.ts';
import { start, temporaryFolder } from './starter-world.ts';

const launcherPath = findLauncher();
const skip = launcherPath === null ? 'the launcher is not built (no C compiler?)' : false;
const ALLOWED = /^Cpus_allowed:\t(.+)$/m;
const ours = () => ALLOWED.exec(readFileSync('/proc/self/status', 'utf8'))![1]!;

/** Children of this process: in each of these tests there is one launcher. */
function ownLaunchers(): string[] {
  return readFileSync(`/proc/self/task/${process.pid}/children`, 'utf8').trim().split(' ');
}

const maskOf = (hexadecimal: string) => BigInt(`0x${hexadecimal.replaceAll(',', '')}`);

/** Programs that follow each other, the first after a rest; each prints where it may run. */
async function allowedOf(starter: LauncherStarter): Promise<string[]> {
  const started = Array.from({ length: 6 }, () => start(starter, 'cat', ['/proc/self/status']));
  for (const { ended } of started) assert.equal(((await ended) as ProgramEnd).exitCode, 0);
  return started.map(({ stdout }) => ALLOWED.exec(stdout().toString())![1]!);
}

test('programs may run wherever the launcher may, and so may it', { skip }, async (t) => {
  const starter = new LauncherStarter(launcherPath!);
  t.after(() => starter.close());
  assert.deepEqual(new Set(await allowedOf(starter)), new Set([ours()]));
  for (const pid of ownLaunchers()) {
    assert.equal(ALLOWED.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))![1], ours());
  }
});

test('a launcher that is kept to a processor keeps its programs there', { skip }, async (t) => {
  const starter = new LauncherStarter(launcherPath!);
  t.after(() => starter.close());
  starter.prepare();
  const [pid] = ownLaunchers();
  const all = maskOf(ours());
  const one = all & -all;
  execFileSync('taskset', ['-p', one.toString(16), pid!]);
  assert.deepEqual(new Set((await allowedOf(starter)).map(maskOf)), new Set([one]));
});

const CPUSETS = '/sys/fs/cgroup/cpuset';
const canGrow = existsSync(`${CPUSETS}/cpuset.cpus`) && process.getuid?.() === 0;
const noCpusets = skip || (!canGrow && 'no cpusets of version 1, or not root');

test('programs use what a cpuset is given later', { skip: noCpusets }, async (t) => {
  const group = mkdtempSync(`${CPUSETS}/windrow-test-`);
  const starter = new LauncherStarter(launcherPath!);
  t.after(async () => {
    await starter.close();
    rmdirSync(group);
  });
  starter.prepare();
  const all = maskOf(ours());
  const one = all & -all;
  const put = (file: string, text: string) => writeFileSync(`${group}/${file}`, text);
  const every = readFileSync(`${CPUSETS}/cpuset.cpus`, 'utf8').trim();
  put('cpuset.cpus', `${one.toString(2).length - 1}`);
  put('cpuset.mems', readFileSync(`${CPUSETS}/cpuset.mems`, 'utf8').trim());
  for (const pid of ownLaunchers()) put('cgroup.procs', pid);
  assert.deepEqual(new Set((await allowedOf(starter)).map(maskOf)), new Set([one]));
  put('cpuset.cpus', every);
  assert.ok((await allowedOf(starter)).map(maskOf).every((mask) => (mask & all) === all));
});

/** For each processor that it may use: a child ends there, and `stay` is to bring it there. */
const FOLLOWS = `
#define _GNU_SOURCE
#include "processor.h"
#include <sched.h>
#include <sys/wait.h>
#include <unistd.h>

static void keep_to(int processor) {
  cpu_set_t only;
  CPU_ZERO(&only);
  CPU_SET(processor, &only);
  sched_setaffinity(0, sizeof only, &only);
}

int main(void) {
  cpu_set_t all, now;
  sched_getaffinity(0, sizeof all, &all);
  for (int processor = 0; processor < CPU_SETSIZE; processor++) {
    if (!CPU_ISSET(processor, &all)) continue;
    pid_t child = fork();
    if (child == 0) {
      keep_to(processor);
      _exit(0);
    }
    siginfo_t end;
    waitid(P_PID, (id_t)child, &end, WEXITED | WNOWAIT);
    note_end_of(child);
    waitpid(child, 0, 0);
    if (!stay() || sched_getcpu() != processor) return 1;
    roam();
    sched_getaffinity(0, sizeof now, &now);
    if (!CPU_EQUAL(&now, &all)) return 2;
  }
  return 0;
}
`;

test('a program begins on the processor that the one before it left', { skip }, (t) => {
  const folder = temporaryFolder(t);
  const sources = fileURLToPath(new URL('../../launcher', import.meta.url));
  const [main, program] = [join(folder, 'follows.c'), join(folder, 'follows')];
  writeFileSync(main, FOLLOWS);
  execFileSync('cc', [`-I${sources}`, '-o', program, main, join(sources, 'processor.c')]);
  for (let round = 0; round < 20; round++) execFileSync(program);
});
