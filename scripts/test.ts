/**
 * `npm test`: the check, then all tests, and beside them, for a minute and behind everything else, the
 * fuzzer of the expression language. WINDROW_FUZZ_SECONDS: how long each of its four properties is tried.
 */
import { spawn } from 'node:child_process';
import { constants, setPriority } from 'node:os';
import { resolve } from 'node:path';

const root = resolve(import.meta.dirname, '..');
const FUZZ_SECONDS = '15';
const FUZZER = 'src/classad/round-trip.test.ts';

interface Ended {
  readonly ok: boolean;
  readonly output: string;
}

function run(args: readonly string[], fuzzSeconds: string | null): Promise<Ended> {
  const { WINDROW_FUZZ_SECONDS: wanted, ...environment } = process.env;
  const seconds = fuzzSeconds && { WINDROW_FUZZ_SECONDS: wanted ?? fuzzSeconds };
  const child = spawn(process.execPath, args, {
    cwd: root,
    env: { ...environment, ...seconds },
    stdio: ['ignore', seconds ? 'pipe' : 'inherit', 'inherit'],
  });
  if (seconds && child.pid) setPriority(child.pid, constants.priority.PRIORITY_LOW);
  const output: Buffer[] = [];
  child.stdout?.on('data', (bytes: Buffer) => output.push(bytes));
  return new Promise((done, fail) => {
    child.on('error', fail);
    child.on('close', (status) =>
      done({ ok: status === 0, output: Buffer.concat(output).toString() }),
    );
  });
}

const check = await run(['scripts/check.ts'], null);
if (!check.ok) process.exit(1);
const fuzzing = run(['--test', '--test-reporter=spec', FUZZER], FUZZ_SECONDS);
const all = ['src/**/*.test.ts', 'test/**/*.test.ts'];
const tests = await run(['--test', '--test-timeout=300000', ...all], null);
const fuzz = await fuzzing;
console.log(`${fuzz.ok ? 'ok  ' : 'FAIL'} fuzzer of the expression language`);
if (!fuzz.ok) console.log(fuzz.output);
process.exitCode = tests.ok && fuzz.ok ? 0 : 1;
