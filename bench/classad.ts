/**
 * How fast are expressions read, and how fast is one that is compiled evaluated against machines?
 * `node bench/classad.ts` prints one line per question. Times are of the processor, so that what
 * else the machine does counts little; the best of five rounds.
 */
import {
  adOf,
  adOfValues,
  compileExpression,
  evaluate,
  localAmbient,
  matches,
  parseExpression,
  real,
} from '#classad';

const ROUNDS = 5;
const ambient = localAmbient({
  now: Date.now,
  random: Math.random,
  elapsedMs: () => performance.now(),
});

const REQUIREMENTS = [
  'TARGET.Memory >= RequestMemory',
  'TARGET.Disk >= RequestDisk',
  'TARGET.Cpus >= RequestCpus',
  'TARGET.Arch == "X86_64"',
  'TARGET.OpSys == "LINUX"',
  'TARGET.HasFileTransfer',
  'TARGET.LoadAvg < 0.5',
  'TARGET.FileSystemDomain == "example.org"',
  'TARGET.OpSysMajorVer > 10',
  'TARGET.State == "Unclaimed"',
].join(' && ');

const job = adOfValues({ RequestMemory: 100, RequestDisk: 1000, RequestCpus: 1, Owner: 'ada' });
const machines = Array.from({ length: 10_000 }, (_, at) =>
  adOfValues({
    ...{ Memory: 2000 + at, Disk: 100_000, Cpus: 4, Arch: 'X86_64', OpSys: 'LINUX' },
    ...{ HasFileTransfer: true, LoadAvg: real(0.3), FileSystemDomain: 'example.org' },
    ...{ OpSysMajorVer: 12, State: 'Unclaimed', Requirements: true },
  }),
);

function bestMs(work: () => void): number {
  const times = Array.from({ length: ROUNDS }, () => {
    const before = process.cpuUsage();
    work();
    const { user, system } = process.cpuUsage(before);
    return (user + system) / 1000;
  });
  return Math.min(...times);
}

const parses = 10_000;
const parseMs = bestMs(() => {
  for (let at = 0; at < parses; at++) parseExpression(REQUIREMENTS);
});
console.log(`parse: ${((REQUIREMENTS.length * parses) / parseMs / 1000).toFixed(1)} MB/s`);

const compiled = compileExpression(REQUIREMENTS);
const evaluations = 500_000;
let held = 0;
const evaluateMs = bestMs(() => {
  held = 0;
  for (let at = 0; at < evaluations; at++) {
    const target = machines[at % machines.length]!;
    if (evaluate(compiled, { my: job, target, ambient }) === true) held += 1;
  }
});
const rate = Math.round(evaluations / evaluateMs) * 1000;
console.log(`evaluate ten conjuncts: ${rate} evaluations/s (${held} of ${evaluations} hold)`);

const attributes = [{ name: 'Requirements', value: compiled.node }];
const whole = adOf(attributes, job);
let matched = 0;
const matchMs = bestMs(() => {
  matched = machines.filter((machine) => matches(whole, machine, ambient)).length;
});
console.log(
  `match one job with ${machines.length} machines: ${matchMs.toFixed(1)} ms (${matched})`,
);
