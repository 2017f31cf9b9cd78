import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  type Ad,
  compileExpression,
  evaluate,
  localAmbient,
  matches,
  parseLineAds,
  printLines,
  printValue,
  wholeAd,
} from '#classad';
import { NO_LIFE, NO_POLICY } from '../life.ts';
import { NO_MATCHING } from '../matching.ts';
import { usageOf } from '../usage.ts';
import { type JobFacts, jobAd } from './job-ad.ts';
import { jobProgressAd } from './job-progress-ad.ts';
import { type MachineFacts, machineAd, NO_OFFER, offerAd } from './machine-ad.ts';
import { type AttemptFacts, type TaskFacts, taskAd } from './task-ad.ts';

const ambient = localAmbient({ now: () => 2e12, random: () => 0.5, elapsedMs: () => 0 });

const job: JobFacts = {
  ...NO_MATCHING,
  ...NO_LIFE,
  id: 7,
  name: 'ising',
  command: { kind: 'argv', template: ['./ising', '--title', "it's $beta"] },
  environment: { A: '1', B: 'two words' },
  directory: { kind: 'scratch' },
  request: {
    ...{ cpus: 2, memoryBytes: 512 * 2 ** 20 + 1, diskBytes: 3 * 2 ** 30, processes: 0 },
    ...{ gpus: 0, timeMs: 0 },
  },
  timeoutMs: 600_000,
  retries: 2,
  priority: 5,
  rows: 100,
  submittedAtMs: 1_700_000_000_999,
  owner: 'ada',
};
const attempt: AttemptFacts = {
  ...{ number: 2, worker: 'node17', startedAtMs: 1_700_000_100_000, endedAtMs: null },
  ...{ cause: null, exitCode: null, signal: null, reason: '', signature: '' },
  usage: {
    ...usageOf(90_000, {
      source: 'cgroup-v2',
      figures: { cpuUserMs: 45_000, memoryPeakBytes: 1_638_400_001, diskBytes: 1025 },
    }),
    network: { OutgoingExternal: 1234 },
  },
};
const task: TaskFacts = {
  ...{ job: 7, task: 3, state: 'running', stateAtMs: 1_700_000_100_000, reason: '', hold: null },
  ...{ attempts: 2, attempt, holds: 1, lastHold: null, completions: 0, asked: null },
};
const machine: MachineFacts = {
  ...{ name: 'node17', platform: 'linux-x64', version: '1', slots: 8, memoryBytes: 16 * 2 ** 30 },
  ...{ diskFreeBytes: 2 ** 40, gpus: 1, used: { cpus: 2, gpus: 0 } },
  machine: { cpus: 16, loadAverage: 0.25 },
  walls: null,
  ...{ state: 'active', stateAtMs: 1_700_000_000_000, lastHeardAtMs: 1_700_000_000_000 },
};

const shown = (text: string, my: Ad, target: Ad | null = null): string =>
  printValue(evaluate(compileExpression(text), { my, target, ambient }));

describe('the ads of jobs, tasks and machines', () => {
  it('tell requests in the units that HTCondor has for them', () => {
    const ad = jobAd(job);
    const told = '{ClusterId, RequestCpus, RequestMemory, RequestDisk}';
    assert.deepEqual(
      told
        .slice(1, -1)
        .split(', ')
        .map((name) => shown(name, ad)),
      ['7', '2', '513', '3145728'],
    );
    assert.equal(shown('QDate', ad), '1700000000');
    assert.equal(shown('Arguments', ad), `"--title 'it''s $beta'"`);
    assert.equal(shown('Environment', ad), `"A=1 B='two words'"`);
  });

  it('let a policy of a site be used as its administrators wrote it', () => {
    const ad = taskAd(task, jobAd(job));
    assert.equal(shown('DiskUsage > 100000000 || ResidentSetSize > 1600000', ad), 'true');
    const reason =
      'strcat("Job in status ", JobStatus, " put on hold due to ", ' +
      'ifThenElse(ResidentSetSize > 1600000, "memory", "disk"), " usage.")';
    assert.equal(shown(reason, ad), '"Job in status 2 put on hold due to memory usage."');
    assert.equal(shown('NumJobStarts >= 10', ad), 'false');
    const held: TaskFacts = { ...task, state: 'held', hold: { code: 13, subcode: 2 } };
    const stale =
      'JobStatus == 5 && (HoldReasonCode == 13 || time() - EnteredCurrentStatus > 6 * 3600)';
    assert.equal(shown(stale, taskAd(held, jobAd(job))), 'true');
  });

  it('tell of an attempt only what has been measured, and how it ended only when it has', () => {
    const ad = taskAd(task, jobAd(job));
    assert.equal(shown('NetworkOutgoingExternal', ad), '1234');
    assert.equal(shown('RemoteUserCpu', ad), '45.0');
    assert.equal(shown('RemoteSysCpu', ad), 'undefined');
    assert.equal(shown('ExitCode', ad), 'undefined');
    assert.equal(shown('RemoteHost', ad), '"slot1@node17"');
    const ended = { ...attempt, endedAtMs: 1_700_000_190_500, cause: 'signal', signal: 'SIGSEGV' };
    const failed = { ...task, state: 'failed', attempt: ended } as TaskFacts;
    const over = taskAd(failed, jobAd(job));
    assert.equal(shown('ExitSignal', over), '11');
    assert.equal(shown('ExitBySignal && JobStatus == 4', over), 'true');
    assert.equal(shown('CompletionDate', over), '1700000190');
    assert.equal(shown('RemoteHost', over), 'undefined');
    assert.equal(shown('LastRemoteHost', over), '"slot1@node17"');
  });

  it('match when each is what the other requires', () => {
    const demanding = { ...job, requirements: 'TARGET.Memory >= 16384 && Arch == "X86_64"' };
    const owned = offerAd({ ...NO_OFFER, start: 'TARGET.Owner == "ada" && LoadAvg < 0.5' });
    assert.equal(matches(jobAd(demanding), machineAd(machine, owned), ambient), true);
    const others = { ...demanding, owner: 'bob' };
    assert.equal(matches(jobAd(others), machineAd(machine, owned), ambient), false);
    const small = { ...machine, memoryBytes: 2 ** 30 };
    assert.equal(matches(jobAd(demanding), machineAd(small, owned), ambient), false);
    assert.equal(matches(jobAd(job), machineAd(machine, offerAd(NO_OFFER)), ambient), true);
  });

  it('have attributes of their owners, which never hide what is told', () => {
    const ad = jobAd({ ...job, attributes: { Project: '"cms"', Weight: 'RequestCpus * 2' } });
    assert.equal(shown('strcat(Project, Weight)', ad), '"cms4"');
    const lying = jobAd({ ...job, attributes: { Owner: '"root"', RequestMemory: '1' } });
    assert.equal(shown('Owner', lying), '"ada"');
    assert.equal(shown('RequestMemory', lying), '513');
    const offer = { ...NO_OFFER, attributes: { HasLicence: 'true', Cpus: '1000' } };
    const owned = machineAd(machine, offerAd(offer));
    assert.equal(shown('HasLicence && Cpus == 8', owned), 'true');
  });

  it('tell retries as the submit descriptions of HTCondor do', () => {
    const policy = { ...NO_POLICY, successExitCode: 3, retryUntil: '7' };
    const ad = jobAd({ ...job, policy });
    const text = printLines(wholeAd(ad));
    assert.match(text, /^JobMaxRetries = 2$/m);
    const remove =
      'NumJobCompletions > JobMaxRetries || ExitCode =?= JobSuccessExitCode || ExitCode =?= 7';
    assert.ok(text.includes(`OnExitRemove = ${remove}\n`), text);
  });

  it('tell of a job that it is held where nothing but held tasks of it is left', () => {
    const none = { waiting: 0, staging: 0, running: 0, checking: 0, done: 0, failed: 0, held: 0 };
    const seen = (state: 'running' | 'failed' | 'done', counts: object) => {
      const told = {
        state,
        stateAtMs: 9000,
        reason: '',
        counts: { ...none, removed: 0, ...counts },
      };
      return shown('strcat(JobStatus, " ", CompletionDate)', jobProgressAd(told, jobAd(job)));
    };
    assert.equal(seen('failed', { held: 1, done: 2 }), '"5 0"');
    assert.equal(seen('failed', { failed: 1, removed: 1 }), '"4 9"');
    assert.equal(seen('failed', { removed: 2 }), '"3 0"');
    assert.equal(seen('done', { done: 2 }), '"4 9"');
    assert.equal(seen('running', { running: 1, held: 1 }), '"2 0"');
  });

  it('are printed whole and read again', () => {
    for (const ad of [taskAd(task, null), machineAd(machine, offerAd(NO_OFFER)), jobAd(job)]) {
      const text = printLines(ad);
      const [again] = parseLineAds(text);
      assert.equal(printLines(again!), text);
      assert.equal(again!.attributes.size, ad.attributes.size);
      assert.ok(ad.attributes.size > 15);
    }
  });
});
