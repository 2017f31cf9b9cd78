import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { test } from 'node:test';
import { inField } from './field/sweep-field.ts';

const HOME = resolve(import.meta.dirname, '..');
const BUNDLE = join(HOME, 'build', 'bundle', 'windrow.cjs');

/** As bin/windrow decides; and made as it is made now. */
function isFresh(): boolean {
  const sources = ['src/', 'launcher/', 'package.json', 'scripts/build-bundle.mjs'];
  const newer = [...sources, '-newer', BUNDLE, '-print', '-quit'];
  return existsSync(BUNDLE) && execFileSync('find', newer, { cwd: HOME }).length === 0;
}
const skip = isFresh() ? false : 'the bundle is older than its sources (npm run build:bundle)';

/** Run before anything else in a process: writes down which modules of Node.js it has loaded in the end. */
const NOTE_MODULES = `
  const { writeFileSync } = require('node:fs');
  process.on('exit', () => {
    writeFileSync(process.env.NOTED + '/' + process.argv[2], process.moduleLoadList.join('\\n'));
  });
`;
/** Of what costs each process 20 ms of CPU and a thread that reads all certificates. */
const HEAVY = /^NativeModule (tls|https|http2)$/m;

test('a run without TLS, and its worker, load nothing of it', { skip }, async () => {
  await inField(
    async (field) => {
      const noting = field.write('note-modules.cjs', NOTE_MODULES);
      const noted = field.path('noted');
      field.write('noted/none', '');
      const environment = { NODE_OPTIONS: `--require ${noting}`, NOTED: noted };
      const argv = ['run', '--output', 'out', '--', 'echo', '{}', ':::', 'a', 'b'];
      const { code, stderr } = await field.start(argv, { environment }).ended;
      assert.equal(code, 0, stderr);
      assert.deepEqual(readdirSync(noted).sort(), ['none', 'run', 'worker']);
      for (const name of ['run', 'worker']) {
        const modules = readFileSync(join(noted, name), 'utf8');
        assert.match(modules, /^NativeModule http$/m);
        assert.doesNotMatch(modules, HEAVY, `windrow ${name}`);
      }
    },
    { program: [process.execPath, BUNDLE] },
  );
});
