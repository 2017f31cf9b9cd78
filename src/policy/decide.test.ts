import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Ad, localAmbient, parseLineAds } from '#classad';
import { type Decision, decide, decideOnMachine } from './decide.ts';
import { policyNeeds } from './needs.ts';
import { NO_SITE_POLICY, printSitePolicy, readSitePolicy, type SitePolicy } from './site-policy.ts';

const NOW = 1_700_000_000;
const ambient = localAmbient({
  now: () => NOW * 1000,
  random: () => 0.5,
  elapsedMs: () => performance.now(),
});
const adOf = (text: string): Ad => parseLineAds(text)[0]!;
const site = (text: string): SitePolicy => readSitePolicy(text, 'policy.conf').policy;
const periodic = (text: string, policy = NO_SITE_POLICY): Decision =>
  decide(adOf(text), policy, 'periodic', { ambient });
const atExit = (text: string, policy = NO_SITE_POLICY): Decision =>
  decide(adOf(text), policy, 'exit', { ambient });

/** As a site in the field has it. */
const SITE = `
# Hold what takes too much
DISK_LIMIT = 100000000
SYSTEM_PERIODIC_HOLD = (JobStatus == 1 || JobStatus == 2) && \\
  # a comment amid
  (DiskUsage > $(DISK_LIMIT) || ResidentSetSize > $(RSS_LIMIT:1600000))
SYSTEM_PERIODIC_HOLD_REASON = strcat("Job in status ", JobStatus, " put on hold due to ", \\
  ifThenElse(ResidentSetSize > 1600000, "memory", "disk"), " usage")
SYSTEM_PERIODIC_HOLD_SUBCODE = ifThenElse(ResidentSetSize > 1600000, 1, 2)
SYSTEM_PERIODIC_REMOVE_NAMES = STALE, long RESTARTS input
SYSTEM_PERIODIC_REMOVE_STALE = JobStatus == 5 && time() - EnteredCurrentStatus > 6 * 3600
SYSTEM_PERIODIC_REMOVE_LONG = JobStatus == 2 && time() - JobCurrentStartDate > 2 * 24 * 3600
SYSTEM_PERIODIC_REMOVE_RESTARTS = NumJobStarts > 10
SYSTEM_PERIODIC_REMOVE_INPUT = JobStatus == 5 && HoldReasonCode == 13
SYSTEM_PERIODIC_REMOVE_INPUT_REASON = "its input is missing"
`;

describe('policies', () => {
  it('of a site are read as its administrators wrote them, and say why they fire', () => {
    const policy = site(SITE);
    const held = periodic('JobStatus = 2\nDiskUsage = 100000001\nResidentSetSize = 5', policy);
    assert.deepEqual(held, {
      verdict: 'hold',
      reason: 'Job in status 2 put on hold due to disk usage',
      hold: { code: 26, subcode: 2 },
      fired: 'SYSTEM_PERIODIC_HOLD',
    });
    const idle = periodic('JobStatus = 1\nResidentSetSize = 1600001', policy);
    assert.equal(idle.reason, 'Job in status 1 put on hold due to memory usage');
    const cases: [string, string][] = [
      [`JobStatus = 5\nEnteredCurrentStatus = ${NOW - 6 * 3600 - 1}`, 'STALE'],
      [`JobStatus = 2\nJobCurrentStartDate = ${NOW - 2 * 86_400 - 1}`, 'LONG'],
      ['JobStatus = 1\nNumJobStarts = 11', 'RESTARTS'],
      ['JobStatus = 5\nHoldReasonCode = 13', 'INPUT'],
    ];
    for (const [ad, tag] of cases) {
      const { verdict, fired } = periodic(ad, policy);
      assert.deepEqual([verdict, fired], ['remove', `SYSTEM_PERIODIC_REMOVE_${tag}`], ad);
    }
    assert.equal(periodic(cases[3]![0], policy).reason, 'its input is missing');
    const stock = periodic(cases[2]![0], policy).reason;
    assert.equal(
      stock,
      "The system macro SYSTEM_PERIODIC_REMOVE_RESTARTS expression 'NumJobStarts > 10' evaluated to TRUE",
    );
    assert.equal(periodic('JobStatus = 2\nDiskUsage = 5', policy).verdict, 'stay');
    const again = site(printSitePolicy(policy));
    assert.equal(printSitePolicy(again), printSitePolicy(policy));
    assert.equal(periodic(cases[3]![0], again).fired, 'SYSTEM_PERIODIC_REMOVE_INPUT');
  });

  it('fire for true and for numbers whose whole part is not 0, and for nothing else', () => {
    const fires = (value: string) =>
      periodic(`JobStatus = 1\nPeriodicHold = ${value}`).verdict === 'hold';
    for (const yes of ['true', '1', '-3', '1.5', '2 > 1']) assert.equal(fires(yes), true, yes);
    const no = [
      'false',
      '0',
      '0.5',
      '-0.9',
      'undefined',
      'error',
      '"true"',
      'Missing',
      '{1}',
      '1/0',
    ];
    for (const one of no) assert.equal(fires(one), false, one);
  });

  it('are looked at in their order, the first that fires wins', () => {
    const all = (status: number, rest = '') =>
      `JobStatus = ${status}\nPeriodicHold = true\nPeriodicRelease = true\nPeriodicRemove = true\n${rest}`;
    assert.equal(periodic(all(1)).verdict, 'hold');
    assert.equal(periodic(all(5)).verdict, 'release');
    assert.equal(periodic(all(5, 'HoldReasonCode = 1')).verdict, 'remove');
    assert.equal(periodic(all(4)).verdict, 'remove');
    assert.equal(periodic(all(3)).verdict, 'stay');
    assert.equal(atExit(all(3)).verdict, 'leave');
    assert.equal(periodic(all(2, 'PeriodicVacate = 1')).verdict, 'vacate');
    assert.equal(periodic(all(1, 'PeriodicVacate = 1')).verdict, 'hold');
    assert.equal(periodic(all(1, `TimerRemove = ${NOW - 1}`)).verdict, 'remove');
    assert.equal(periodic(all(1, `TimerRemove = ${NOW}`)).verdict, 'hold');
    const undefinedTimer = periodic(all(1, 'TimerRemove = "soon"'));
    assert.deepEqual(undefinedTimer.hold, { code: 5, subcode: 0 });
    const both = periodic(
      'JobStatus = 1\nPeriodicHold = true',
      site('SYSTEM_PERIODIC_HOLD = true'),
    );
    assert.deepEqual([both.hold!.code, both.fired], [3, 'PeriodicHold']);
    const limited = site('SYSTEM_MAX_RELEASES = 2');
    assert.equal(periodic(`${all(5)}NumHolds = 1\n`, limited).verdict, 'release');
    assert.equal(periodic(`${all(5)}NumHolds = 2\n`, limited).verdict, 'remove');
  });

  it('end what takes longer than it allows itself, with codes of their own', () => {
    const allowed = (since: number, rest: string) =>
      periodic(
        `JobStatus = 2\nJobCurrentStartDate = ${NOW - since}\nJobCurrentStartExecutingDate = ${NOW - since}\n${rest}`,
      );
    assert.deepEqual(allowed(60, 'AllowedJobDuration = 60').hold, { code: 46, subcode: 0 });
    assert.equal(allowed(59, 'AllowedJobDuration = 60').verdict, 'stay');
    assert.deepEqual(allowed(61, 'AllowedExecuteDuration = 60').hold, { code: 47, subcode: 0 });
    assert.equal(allowed(60, 'AllowedExecuteDuration = 60').verdict, 'stay');
  });

  it('at exit hold first, and run again only what is definitely not to leave', () => {
    const exit = (rest: string) =>
      atExit(`JobStatus = 2\nExitBySignal = false\nExitCode = 3\n${rest}`);
    assert.equal(exit('').verdict, 'leave');
    const held = exit('OnExitHold = ExitCode == 3\nOnExitHoldSubCode = 7\nOnExitHoldReason = "x"');
    assert.deepEqual(
      [held.verdict, held.hold, held.reason],
      ['hold', { code: 3, subcode: 7 }, 'x'],
    );
    assert.equal(exit('OnExitRemove = ExitCode == 0').verdict, 'requeue');
    assert.equal(exit('OnExitRemove = Missing').verdict, 'leave');
    assert.equal(exit('OnExitRemove = "no"').verdict, 'leave');
    assert.equal(atExit('JobStatus = 2\nOnExitRemove = false').verdict, 'leave');
    assert.equal(exit('PeriodicRemove = ExitCode == 3\nOnExitHold = true').verdict, 'remove');
  });

  it('of a machine hold with reasons of its own, or put back what it preempts', () => {
    const { machine } = site(
      'PREEMPT = LoadAvg > 2\nWANT_HOLD = TARGET.MemoryUsage > 100\nWANT_HOLD_REASON = ' +
        'strcat("too large for ", Name)\nWANT_HOLD_SUBCODE = 9',
    );
    const on = (load: string, memory: number) =>
      decideOnMachine(
        adOf(`Name = "node17"\nLoadAvg = ${load}`),
        adOf(`MemoryUsage = ${memory}`),
        machine,
        { ambient },
      );
    assert.deepEqual(on('3.0', 101), {
      verdict: 'hold',
      reason: 'too large for node17',
      hold: { code: 21, subcode: 9 },
      fired: 'WANT_HOLD',
    });
    assert.equal(on('3.0', 99).verdict, 'vacate');
    assert.equal(on('1.0', 101).verdict, 'stay');
    const alone = site('WANT_HOLD = MemoryUsage > 100').machine;
    const found = decideOnMachine(adOf('Name = "n"'), adOf('MemoryUsage = 101'), alone, {
      ambient,
    });
    assert.deepEqual(found.hold, { code: 21, subcode: 0 });
  });

  it('say what is to be measured for them', () => {
    const own = adOf('PeriodicHold = Big\nBig = DiskUsage > 5');
    const needs = policyNeeds(own, NO_SITE_POLICY, null);
    assert.equal(needs.running, true);
    assert.ok(needs.names!.has('diskusage'));
    assert.equal(policyNeeds(adOf('OnExitHold = true'), NO_SITE_POLICY, null).running, false);
    assert.equal(
      policyNeeds(adOf('A = 1'), site('SYSTEM_PERIODIC_RELEASE = 1'), null).running,
      false,
    );
    assert.equal(policyNeeds(adOf('PeriodicHold = eval("x")'), NO_SITE_POLICY, null).names, null);
  });

  it('end within their budget whatever they are, and then do not fire', { timeout: 20_000 }, () => {
    const deep = `${'('.repeat(400)}1${')'.repeat(400)}`;
    const hostile = [
      'A\nA = strcat(B, B)\nB = strcat(C, C)\nC = strcat(D, D)\nD = strcat(E, E)\nE = strcat(F, F)\nF = "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"',
      'A\nA = A',
      'A\nA = B\nB = A',
      `A\nA = ${deep} + ${deep}`,
      'A\nA = regexp("(a+)+$", strcat("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", "b"))',
      `A\nA = ${'B + '.repeat(2000)}1\nB = ${'C + '.repeat(2000)}1\nC = ${'D + '.repeat(2000)}1\nD = 1`,
      'eval("eval(\\"1\\")")',
    ];
    for (const one of hostile) {
      const began = performance.now();
      periodic(`JobStatus = 1\nPeriodicHold = ${one}\nPeriodicHoldReason = A\n`);
      const ms = performance.now() - began;
      assert.ok(ms < 1000, `${one.slice(0, 40)} took ${ms} ms`);
    }
    const exhausted: string[] = [];
    decide(adOf(`JobStatus = 1\nPeriodicHold = ${hostile[5]}`), NO_SITE_POLICY, 'periodic', {
      ambient,
      onLook: (name, found) =>
        void (found.exhausted && exhausted.push(`${name} ${found.exhausted}`)),
    });
    assert.deepEqual(exhausted, ['PeriodicHold steps']);
    const long = periodic('JobStatus = 1\nPeriodicHold = true\nPeriodicHoldReason = "a\t\u2028b"');
    assert.equal(long.reason, 'a b');
  });
});
