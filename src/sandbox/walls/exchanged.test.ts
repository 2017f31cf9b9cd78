/**
 * Who may write beside a directory that is to be mounted can exchange it, also after it was looked at. Root
 * mounts it: nothing else may take its place then.
 */
import assert from 'node:assert/strict';
import {
  chmodSync,
  lchownSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { after, before, beforeEach, suite, test } from 'node:test';
import { findLauncher } from '../open-starter.ts';
import { findTool } from '../tool.ts';
import { openWalledField, type WalledField } from './testing.ts';

const skip =
  process.getuid?.() !== 0
    ? 'only root mounts what others own'
    : (findLauncher() === null || findTool('bwrap') === null) && 'no launcher or no bubblewrap';

suite('a directory that is exchanged', { skip }, () => {
  let base: string;
  let field: WalledField;
  before(async () => {
    base = realpathSync(mkdtempSync('/var/tmp/windrow-exchanged-'));
    field = await openWalledField({
      shared: [join(base, 'open/nested')],
      writable: [`${base}/open/nested`],
    });
  });
  after(async () => {
    await field.close();
    rmSync(base, { recursive: true });
  });
  /** What is in `closed` nobody may get to who is not root, whatever modes it has by itself. */
  beforeEach(() => {
    rmSync(base, { recursive: true });
    mkdirSync(join(base, 'open/nested'), { recursive: true });
    mkdirSync(join(base, 'open/a/b'), { recursive: true });
    mkdirSync(join(base, 'closed/b'), { recursive: true });
    writeFileSync(join(base, 'closed/b/file'), 'secret\n');
    const mode = 0o777;
    for (const path of ['open', 'open/nested', 'closed/b']) chmodSync(join(base, path), mode);
    chmodSync(join(base, 'closed'), 0o700);
    chmodSync(base, 0o755);
  });

  const exchange = (path: string, link: string) => () => {
    renameSync(join(base, path), join(base, 'open/aside'));
    symlinkSync(link, join(base, path));
  };
  const look = 'cat ./file file 2>&1; echo x > file && echo wrote; true';

  for (const [what, path, link] of [
    ['itself', 'open/a/b', '../../closed/b'],
    ['on the way to it', 'open/a', '../closed'],
  ] as const) {
    test(`brings a program nowhere else when a link takes its place: ${what}`, async () => {
      const site = { directory: join(base, 'open/a/b'), mountUnderScratch: [] };
      const between = exchange(path, link);
      const { stdout } = await field.run('full', look, { site }).then((end) => end);
      assert.doesNotMatch(stdout, /secret/);
      rmSync(join(base, 'open/a/b/file'), { force: true });
      await assert.rejects(
        field.run('full', look, { site, between }),
        /another has taken the place/,
      );
    });
  }

  test('is not written to where jobs may write to it', async () => {
    const site = { mountUnderScratch: [] };
    const isolation = { write: [join(base, 'open/nested')] };
    const into = `cat ${base}/open/nested/file; echo x > ${base}/open/nested/file && echo wrote; true`;
    assert.match((await field.run('full', into, { site, isolation })).stdout, /wrote/);
    rmSync(join(base, 'open/nested/file'));
    const between = exchange('open/nested', '../closed/b');
    await assert.rejects(
      field.run('full', into, { site, isolation, between }),
      /another has taken the place/,
    );
  });

  test('is no listed directory any more when somebody else’s link lies there from the beginning', async () => {
    exchange('open/nested', '../closed/b')();
    lchownSync(join(base, 'open/nested'), 54329, 54329);
    const site = { mountUnderScratch: [] };
    const isolation = { write: [join(base, 'open/nested')] };
    await assert.rejects(field.run('full', look, { site, isolation }), { code: 'WRITE_REFUSED' });
    const { stdout } = await field.run('full', `cat ${base}/open/nested/file; true`, { site });
    assert.doesNotMatch(stdout, /secret/);
  });
});
