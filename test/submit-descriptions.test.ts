import assert from 'node:assert/strict';
import { chmodSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type Installation, installForTest } from './installed-program.ts';

let place: Installation;
before(() => {
  place = installForTest();
});
after(() => place.remove());

const read = (name: string) => readFileSync(join(place.directory, 'jobs', name), 'utf8');
function write(name: string, content: string): void {
  const path = join(place.directory, 'jobs', name);
  mkdirSync(join(path, '..'), { recursive: true });
  writeFileSync(path, content);
  if (content.startsWith('#!')) chmodSync(path, 0o755);
}

describe('a submit description', () => {
  it('is run, and its files lie where it says, also those of a task that failed', async () => {
    write('tool.sh', '#!/bin/sh\necho "tool got $1"\n');
    write(
      'prog.sh',
      `#!/bin/sh
echo "$# $1 $2 $COLOUR"; echo "oops $1" >&2; cat
./tool.sh "$1" > new.txt; mkdir -p hist; echo h > hist/h.dat; : > empty.txt
[ "$1" = 2 ] && exit 4
exit 0
`,
    );
    for (const n of [0, 1, 2]) write(`in/${n}.dat`, `data ${n}\n`);
    write(
      'job.sub',
      `# three tasks
executable = prog.sh
arguments = "$(Process) 'two words'"
environment = "COLOUR='deep $(colour)'"
input = in/$(Process).dat
transfer_input_files = tool.sh
transfer_output_files = new.txt, hist, empty.txt
transfer_output_remaps = "new.txt = back/new_$(colour).txt; hist = back/hist_$(Process); empty.txt = back/e$(Process)"
output = out/$(Cluster).$(Process).out
error = out/$(Cluster).$(Process).err
+ProjectName = "cms"
queue colour in (red, green, blue)
`,
    );
    const { code, stderr } = await place.run('bin/windrow', 'run', 'jobs/job.sub', '-q');
    assert.equal(code, 1, stderr);
    assert.equal(read('out/1.0.out'), '2 0 two words deep red\ndata 0\n');
    assert.equal(read('out/1.1.err'), 'oops 1\n');
    assert.equal(read('out/1.2.out'), '2 2 two words deep blue\ndata 2\n');
    assert.equal(read('out/1.2.err'), 'oops 2\n');
    assert.equal(read('back/new_green.txt'), 'tool got 1\n');
    assert.equal(read('back/hist_0/h.dat'), 'h\n');
    assert.equal(read('back/e1'), '');
    assert.ok(!existsSync(join(place.directory, 'jobs', 'back/new_blue.txt')));
    const again = await place.run('bin/windrow', 'run', 'jobs/job.sub', '-q');
    assert.match(again.stdout + again.stderr, /exit-code 4/);
  });

  it('brings back what is new or changed when nobody says which files', async () => {
    write(
      'left.sh',
      '#!/bin/sh\necho more >> kept.txt; echo new > new.txt; cat same.txt > /dev/null\n',
    );
    write('kept.txt', 'first\n');
    write('same.txt', 'same\n');
    write('left/start.txt', '');
    write(
      'left.sub',
      'executable = left.sh\ntransfer_input_files = kept.txt, same.txt\ninitialdir = left\n' +
        'transfer_input_files = ../kept.txt, ../same.txt\nqueue\n',
    );
    const { code, stderr } = await place.run('bin/windrow', 'run', 'jobs/left.sub', '-q');
    assert.equal(code, 0, stderr);
    assert.equal(read('left/kept.txt'), 'first\nmore\n');
    assert.equal(read('left/new.txt'), 'new\n');
    assert.ok(!existsSync(join(place.directory, 'jobs/left/same.txt')));
    assert.ok(!existsSync(join(place.directory, 'jobs/left/left.sh')));
  });

  it('may have programs that set attributes, which are found by a constraint', async () => {
    write(
      'talk.sh',
      `#!/bin/sh
windrow=${join(place.directory, 'bin/windrow')}
"$windrow" chirp set_job_attr payload_user '"cms"' && "$windrow" chirp set_job_attr_delayed ChirpDone 0.5
"$windrow" chirp set_job_attr Owner '"root"' 2>/dev/null && exit 1
"$windrow" chirp get_job_attr payload_user
`,
    );
    write('talk.sub', 'executable = talk.sh\nwant_io_proxy = true\noutput = talk.out\nqueue\n');
    const { code, stderr } = await place.run('bin/windrow', 'run', 'jobs/talk.sub', '-q');
    assert.equal(code, 0, stderr);
    assert.equal(read('talk.out'), '"cms"\n');
    const state = ['--state', join(place.directory, 'jobs/.windrow')];
    const constraint = ['--constraint', 'payload_user == "cms" && ChirpDone > 0.4'];
    const found = await place.run('bin/windrow', 'ls', '--json', ...state, ...constraint);
    const { jobs } = JSON.parse(found.stdout);
    assert.deepEqual(
      jobs.map(({ name }: { name: string }) => name),
      ['talk'],
    );
    const shown = await place.run(
      'bin/windrow',
      'show',
      'talk',
      '--tasks',
      ...state,
      ...constraint,
    );
    assert.match(shown.stdout, /\bdone\b/);
  });

  it('is refused as a whole, and prints its ads without running', async () => {
    write('bad.sub', 'universe = docker\nexecutable = prog.sh\nnotification = Always\nqueue\n');
    const bad = await place.run('bin/windrow', 'submit', 'jobs/bad.sub', '--dry-run');
    assert.notEqual(bad.code, 0);
    assert.match(bad.stderr, /bad\.sub:1: universe = docker.*bad\.sub:3: notification = Always/s);
    const ads = await place.run('bin/windrow', 'submit', 'jobs/job.sub', '--dry-run');
    assert.equal(ads.stdout.match(/^ProcId = /gm)?.length, 3, ads.stderr);
    assert.match(ads.stdout, /^ProjectName = "cms"$/m);
    assert.match(ads.stdout, /^Arguments = "2 'two words'"$/m);
    write('piped.sub', 'executable = jobs/tool.sh\narguments = $(Item)\nqueue in (a b)\n');
    const piped = ['sh', '-c', 'bin/windrow submit - --dry-run < jobs/piped.sub'] as const;
    assert.match((await place.run(...piped)).stdout, /^Arguments = "b"$/m);
    const option = await place.run('bin/windrow', 'run', 'jobs/job.sub', '--retries', '3');
    assert.match(option.stderr, /--retries is for sweep files/);
  });
});
