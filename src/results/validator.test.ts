import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, test } from 'node:test';
import type { ResultSource, UserCode } from '#model';
import { testPorts } from './children.test.ts';
import type { InlinePart } from './record.ts';
import { SegmentStore } from './segment-store.ts';
import { type Check, Validator, type ValidatorRequest } from './validator.ts';

let top = '';
let work = '';
let store: SegmentStore;
beforeEach(() => {
  top = mkdtempSync(join(tmpdir(), 'windrow-validator-'));
  work = join(top, 'work');
  mkdirSync(work);
  store = SegmentStore.open(join(top, 'segments'), null);
});
afterEach(async () => {
  await store.close();
  assert.deepEqual(readdirSync(work), [], 'files handed over were left behind');
  rmSync(top, { recursive: true });
});

const SOURCES: ResultSource[] = [
  { name: 'energy', from: { kind: 'stdout' }, required: true },
  { name: 'fields', from: { kind: 'glob', pattern: '*.dat' }, required: false },
];

function code(kind: 'module' | 'executable', text: string): UserCode {
  const path = join(top, kind === 'module' ? 'validate.ts' : 'validate.sh');
  writeFileSync(path, text);
  chmodSync(path, 0o755);
  return { kind, path, sha256: createHash('sha256').update(text).digest('hex') };
}

function open(userCode: UserCode, change: Partial<ValidatorRequest> = {}): Promise<Validator> {
  const limits = { timeoutMs: 10_000, memoryBytes: 0, processes: 1 };
  return Validator.open(
    { code: userCode, sources: SOURCES, ...limits, ...change },
    testPorts(work),
  );
}

async function check(
  task: number,
  energy: Buffer | string,
  more: readonly InlinePart[] = [],
): Promise<Check> {
  const part = { name: 'energy', kind: 'result', file: 'stdout', cutBytes: 0 } as const;
  const parts = [{ ...part, content: energy }, ...more];
  const place = store.append({ ticket: task + 100, job: 1, task, parts });
  await store.flush();
  const record = await store.read(place);
  return { task, ticket: task + 100, parameters: { beta: String(task) }, record };
}

test('a module sees parameters and results and decides by true, false or a reason', async () => {
  const validator = await open(
    code(
      'module',
      `export default function (parameters: Record<string, string>, results: Record<string, string>) {
         if (parameters.beta === '1') return true;
         if (parameters.beta === '2') return false;
         return 'energy is ' + results.energy.trim();
       }`,
    ),
  );
  assert.deepEqual(await validator.check(await check(1, '5\n')), { verdict: 'valid' });
  const plain = { verdict: 'invalid', reason: 'The validator refused the results.' };
  assert.deepEqual(await validator.check(await check(2, '5\n')), plain);
  const said = { verdict: 'invalid', reason: 'energy is 7' };
  assert.deepEqual(await validator.check(await check(3, '7\n')), said);
  await validator.close();
});

test('text arrives as a string, other bytes as bytes, files of a glob by name, at any size', async () => {
  const validator = await open(
    code(
      'module',
      `export default (_: unknown, { energy, fields }: Record<string, any>) => {
         const what = (x: any) => typeof x === 'string' ? 'text' + x.length : 'bytes' + x.length;
         return [what(energy), ...Object.entries(fields).map(([k, v]) => k + '=' + what(v))].join();
       }`,
    ),
  );
  const reason = async (given: Check) => {
    const verdict = await validator.check(given);
    return 'reason' in verdict ? verdict.reason : verdict.verdict;
  };
  assert.equal(await reason(await check(1, 'ü\n')), 'text2');
  assert.equal(await reason(await check(2, Buffer.from([255, 0]))), 'bytes2');
  const field = (file: string, content: Buffer | string): InlinePart => {
    return { name: 'fields', kind: 'result', file, cutBytes: 0, content };
  };
  const fields = [field('__proto__', 'abc'), field('b.dat', Buffer.alloc(300_000, 0xfe))];
  const large = await check(3, 'x'.repeat(1_000_000), fields);
  assert.equal(await reason(large), 'text1000000,__proto__=text3,b.dat=bytes300000');
  await validator.close();
});

test('what a validator does wrong is its own fault, and the next task is checked as ever', async () => {
  const wrong = code(
    'module',
    `import { writeSync, closeSync } from 'node:fs';
       import { spawn } from 'node:child_process';
       export default async function (_: unknown, { energy }: { energy: string }) {
         if (energy === 'throw') throw new TypeError('no energy');
         if (energy === 'reject') return Promise.reject('odd');
         if (energy === 'nothing') return undefined;
         if (energy === 'object') return { valid: true };
         if (energy === 'exit') process.exit(0);
         if (energy === 'abort') process.abort();
         if (energy === 'hang') for (;;);
         if (energy === 'never') await new Promise(() => setInterval(() => 0, 1000));
         if (energy === 'later') setTimeout(() => { throw new Error('later'); });
         if (energy === 'later') await new Promise((done) => setTimeout(done, 1000));
         if (energy === 'garbage') writeSync(3, 'garbage\\n');
         if (energy === 'forged') writeSync(3, '{"nonce":"x","verdict":true}\\n');
         if (energy === 'closed') closeSync(3);
         if (energy === 'stdout') console.log('{"verdict":true}');
         if (energy === 'child') spawn('sleep', ['1000'], { stdio: 'inherit' });
         return energy === 'good' || energy === 'stdout' || energy === 'child' || 'bad';
       }`,
  );
  const patient = await open(wrong, { timeoutMs: 60_000 });
  const hurried = await open(wrong, { timeoutMs: 1000 });
  const faults: Record<string, RegExp> = {
    throw: /^it threw TypeError: no energy$/,
    reject: /^it threw odd$/,
    nothing: /^it returned undefined; it must return true, false or a reason$/,
    object: /^it returned object;/,
    exit: /ended by itself \(exit code 0\)$/,
    abort: /\(SIGABRT\)/,
    hang: /^it gave no answer within 1 s$/,
    never: /^it gave no answer within 1 s$/,
    later: /\(exit code 1\): /,
    garbage: /^it wrote to descriptor 3/,
    forged: /^it wrote to descriptor 3/,
    closed: /\(exit code \d+\): |^it gave no answer/,
  };
  for (const [energy, expected] of Object.entries(faults)) {
    const validator = ['hang', 'never', 'closed'].includes(energy) ? hurried : patient;
    const verdict = await validator.check(await check(1, energy));
    assert.equal(verdict.verdict, 'fault', energy);
    assert.match(verdict.reason, expected);
    assert.deepEqual(await validator.check(await check(2, 'good')), { verdict: 'valid' }, energy);
  }
  assert.deepEqual(await patient.check(await check(3, 'stdout')), { verdict: 'valid' });
  assert.deepEqual(await patient.check(await check(3, 'child')), { verdict: 'valid' });
  assert.deepEqual(await patient.check(await check(4, 'bad')), {
    verdict: 'invalid',
    reason: 'bad',
  });
  await Promise.all([patient.close(), hurried.close()]);
});

test('a validator that allocates for ever is stopped', async () => {
  const text =
    'export default () => { for (const kept = []; ;) kept.push(Buffer.alloc(2 ** 24, 1)); }';
  const validator = await open(code('module', text), {
    timeoutMs: 60_000,
    memoryBytes: 400 * 2 ** 20,
  });
  const verdict = await validator.check(await check(1, 'x'));
  assert.equal(verdict.verdict, 'fault');
  assert.match(verdict.reason, /memory/);
  await validator.close();
});

test('code left over from one task cannot decide the next', async () => {
  const validator = await open(
    code(
      'module',
      `import { writeSync } from 'node:fs';
       let seen = '';
       const say = JSON.stringify;
       JSON.stringify = (value: any) => { seen = value.nonce ?? seen; return say(value); };
       export default async (_: unknown, { energy }: { energy: string }) => {
         if (energy === 'first') {
           setTimeout(() => writeSync(3, say({ nonce: seen, verdict: true }) + '\\n'), 100);
           return true;
         }
         await new Promise((done) => setTimeout(done, 500));
         return 'second is bad';
       }`,
    ),
  );
  assert.deepEqual(await validator.check(await check(1, 'first')), { verdict: 'valid' });
  const second = await validator.check(await check(2, 'second'));
  assert.notEqual(second.verdict, 'valid');
  await validator.close();
});

test('a process that dies between two checks costs neither of them a verdict', async () => {
  const died = join(top, 'died');
  const validator = await open(
    code(
      'module',
      `import { existsSync, writeFileSync } from 'node:fs';
       export default () => {
         if (!existsSync('${died}')) setTimeout(() => { writeFileSync('${died}', ''); process.exit(1); }, 1);
         return true;
       }`,
    ),
  );
  assert.deepEqual(await validator.check(await check(1, 'x')), { verdict: 'valid' });
  while (!existsSync(died)) await new Promise((resume) => setTimeout(resume, 5));
  assert.deepEqual(await validator.check(await check(2, 'x')), { verdict: 'valid' });
  await validator.close();
});

test('a module that cannot be used is a fault with its reason', async () => {
  const reasons: [string, RegExp][] = [
    ['export const x = 1;', /its default export is not a function/],
    ['export default (', /it cannot be loaded: .*validate\.ts:1: SyntaxError/],
    ['import "./nothing.ts"; export default () => true;', /it cannot be loaded: .*nothing\.ts/],
    ['process.exit(7); export default () => true;', /\(exit code 7\)/],
  ];
  for (const [text, expected] of reasons) {
    const validator = await open(code('module', text));
    const verdict = await validator.check(await check(1, 'x'));
    assert.equal(verdict.verdict, 'fault');
    assert.match(verdict.reason, expected);
    await validator.close();
  }
});

test('checks run in as many processes as were asked for, each process one at a time', async () => {
  const log = join(top, 'log');
  const validator = await open(
    code(
      'module',
      `import { appendFileSync } from 'node:fs';
       let busy = 0;
       export default async () => {
         appendFileSync('${log}', process.pid + ' ' + ++busy + '\\n');
         await new Promise((done) => setTimeout(done, 30));
         busy--;
         return true;
       }`,
    ),
    { processes: 2 },
  );
  const checks = await Promise.all(Array.from({ length: 12 }, (_, task) => check(task, 'x')));
  const verdicts = await Promise.all(checks.map((one) => validator.check(one)));
  assert.equal(verdicts.filter(({ verdict }) => verdict === 'valid').length, 12);
  const lines = readFileSync(log, 'utf8').trim().split('\n');
  assert.equal(new Set(lines.map((line) => line.split(' ')[0])).size, 2);
  assert.deepEqual([...new Set(lines.map((line) => line.split(' ')[1]))], ['1']);
  await validator.close();
});

test('closing stops what runs and what waits, without a verdict', async () => {
  const validator = await open(code('module', 'export default () => { for (;;); }'));
  const checks = [await check(1, 'x'), await check(2, 'x')];
  const verdicts = checks.map((one) => validator.check(one));
  await validator.close();
  assert.deepEqual(await Promise.all(verdicts), [{ verdict: 'stopped' }, { verdict: 'stopped' }]);
  assert.deepEqual(await validator.check(checks[0]!), { verdict: 'stopped' });
});

test('an executable decides by its status, with the last line of stderr as the reason', async () => {
  const script = `#!/bin/sh
[ "$WINDROW_PARAM_BETA" = 1 ] && exit 0
[ "$WINDROW_PARAM_BETA" = 2 ] && { echo first >&2; echo "energy $(cat energy) too low" >&2; exit 1; }
[ "$WINDROW_PARAM_BETA" = 3 ] && kill -9 $$
[ "$WINDROW_PARAM_BETA" = 4 ] && sleep 1000
[ "$WINDROW_PARAM_BETA" = 5 ] && exec no-such-program
[ "$WINDROW_PARAM_BETA" = 6 ] && { ls -R "$WINDROW_RESULT_DIR" | tr '\\n' ' ' >&2; mkdir x; chmod 0 x; exit 1; }
exit 3`;
  const patient = await open(code('executable', script), { timeoutMs: 60_000 });
  const hurried = await open(code('executable', script), { timeoutMs: 1000 });
  const verdict = async (task: number, more: readonly InlinePart[] = []) =>
    (task === 4 ? hurried : patient).check(await check(task, '-7', more));
  assert.deepEqual(await verdict(1), { verdict: 'valid' });
  assert.deepEqual(await verdict(2), { verdict: 'invalid', reason: 'energy -7 too low' });
  assert.deepEqual(await verdict(3), { verdict: 'fault', reason: 'SIGKILL ended it' });
  assert.deepEqual(await verdict(4), { verdict: 'fault', reason: 'it did not end within 1 s' });
  const missing = await verdict(5);
  assert.equal(missing.verdict, 'fault');
  assert.match(missing.reason, /^it exited with status 127: .*no-such-program/);
  const outside = { name: 'fields', kind: 'result', cutBytes: 0, content: 'x' } as const;
  const hostile = [
    { ...outside, file: '../../escaped' },
    { ...outside, file: '/escaped' },
    { ...outside, file: 'a/b.dat' },
  ];
  const listed = await verdict(6, hostile);
  assert.equal(listed.verdict, 'invalid');
  assert.match(listed.reason, /energy fields .*fields: a .*fields\/a: b\.dat/);
  assert.equal(existsSync(join(top, 'escaped')), false);
  const silent = { verdict: 'invalid', reason: 'The validator exited with status 3.' };
  assert.deepEqual(await verdict(7), silent);
  await Promise.all([patient.close(), hurried.close()]);
});

test('closing stops an executable that runs', async () => {
  const started = join(top, 'started');
  const script = `#!/bin/sh\necho > ${started}\nsleep 1000`;
  const validator = await open(code('executable', script), { timeoutMs: 100_000 });
  const verdict = validator.check(await check(1, 'x'));
  while (!existsSync(started)) await new Promise((resume) => setTimeout(resume, 5));
  await validator.close();
  assert.deepEqual(await verdict, { verdict: 'stopped' });
});

test('a validator that is missing, was changed or cannot be read is refused at once', async () => {
  const good = code('module', 'export default () => true');
  writeFileSync(join(top, 'validate.ts'), 'export default () => false');
  await assert.rejects(open(good), { code: 'CODE_CHANGED' });
  const missing: UserCode = { kind: 'module', path: join(top, 'no.ts'), sha256: '' };
  await assert.rejects(open(missing), { code: 'CODE_UNREADABLE' });
  const plain = code('executable', '#!/bin/sh');
  const broken = open({ kind: 'expression', text: 'energy <' });
  await assert.rejects(broken, { code: 'CLASSAD_SYNTAX_WRONG', message: /column 9/ });
  chmodSync(join(top, 'validate.sh'), 0o644);
  if (process.getuid?.() !== 0) await assert.rejects(open(plain), { code: 'CODE_UNREADABLE' });
});
