/** What is refused of a sweep file, with its line. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readSweepFile } from './sweep-file.ts';
import { read, surroundings, write } from './sweep-world.ts';

test('every problem of a sweep file is told at once, by file and line', async () => {
  const toml = `nmae = "x"
command = """
./ising $bta
 \`echo $beta\`"""
parameters = "grid.csv"
timeout = 600
[cluster]
nods = "nodes.txt"
[results]
a = { foo = 1 }
[request]
memry = "1 GB"
cpus = -1
[retry]
timeuot = 1
`;
  await assert.rejects(read(toml), (error: Error & { code: string }) => {
    assert.equal(error.code, 'SWEEP_REFUSED');
    const lines = error.message.split('\n').filter((line) => line.startsWith('- '));
    assert.deepEqual(
      lines.map((line) => /sweep.toml:(\d+) \((.*?)\): (.{0,28})/.exec(line)?.slice(1)),
      [
        ['1', 'nmae', 'found the unknown key "nmae"'],
        ['6', 'timeout', 'found 600, expected a durati'],
        ['7', '[cluster] "nodes"', 'found nothing, expected the '],
        ['8', '[cluster] "nods"', 'found the unknown key "nods"'],
        ['10', '[results] "a"', 'found {"foo":1}, expected "s'],
        ['12', '[request] "memry"', 'found the unknown key "memry'],
        ['13', '[request] "cpus"', 'found -1, expected a number '],
        ['15', '[retry] "timeuot"', 'found the unknown key "timeu'],
      ],
    );
    assert.match(error.message, /Did you mean "name"\?/);
    return true;
  });
});

test('placeholders and names are checked by file and line, templates in their own file', async () => {
  write('bad.in', 'first\n$sed\n');
  const toml = `command = """
./ising $bta
 \`echo $beta\`"""
parameters = "grid.csv"
[inputs]
"a" = { template = "bad.in" }
"../b" = { parameter = "lattise" }
"c/./d" = { parameter = "seed" }
"c/d" = { file = "none.bin" }
"/e" = { parameter = "seed" }
"c" = { parameter = "seed" }
"ising" = { parameter = "seed" }
[results]
"x/y" = "stdout"
z = "../out"
[environment]
"A B" = "x"
WINDROW_TASK = "$sead"
`;
  await assert.rejects(read(toml), (error: Error & { code: string }) => {
    assert.equal(error.code, 'SWEEP_REFUSED');
    const lines = error.message.split('\n').filter((line) => line.startsWith('- '));
    const expected = [
      /sweep.toml:9 .*none.bin cannot be used: it does not exist/,
      /sweep.toml:2 \(command\): the placeholder \$bta names no column/,
      /sweep.toml:3 \(command\): the placeholder \$beta stands inside backquotes/,
      /bad.in:2 \(\[inputs\] "a"\): the placeholder \$sed names no column/,
      /sweep.toml:7 .*"..\/b", expected a path without ".."/,
      /sweep.toml:7 .*the parameter "lattise" names no column/,
      /sweep.toml:10 .*"\/e", expected a relative path/,
      /sweep.toml:11 .*"c", which collides with "c\/.\/d"/,
      /sweep.toml:12 .*"ising", which collides with the program ising/,
      /sweep.toml:14 .*"x\/y", expected a name without "\/"/,
      /sweep.toml:15 .*"..\/out", expected a path without ".."/,
      /sweep.toml:17 .*"A B", expected letters, digits and _/,
      /sweep.toml:18 .*"WINDROW_TASK", expected a name that does not begin with WINDROW_/,
      /sweep.toml:18 .*\$sead names no column/,
    ];
    assert.equal(lines.length, expected.length, error.message);
    for (const [i, line] of lines.entries()) assert.match(line, expected[i]!);
    return true;
  });
});

const refusals: [string, string | Buffer, string, RegExp][] = [
  ['no TOML', 'command = "x\n', 'SWEEP_BAD_TOML', /^sweep.toml:1:\d+: /],
  ['a key twice', 'command = "x"\ncommand = "y"\n', 'SWEEP_BAD_TOML', /^sweep.toml:2:\d+: /],
  ['not UTF-8', Buffer.from([0x63, 0xff]), 'SWEEP_UNREADABLE', /not UTF-8/],
  ['too large', `# ${'x'.repeat(4 * 2 ** 20)}`, 'SWEEP_UNREADABLE', /more than 4 MiB/],
  ['no command', 'name = "x"\n', 'SWEEP_MISSING_KEY', /^sweep.toml: found no "command"/],
  ['an empty command', 'command = ""\n', 'TEMPLATE_EMPTY_COMMAND', /sweep.toml:1 \(command\)/],
  ['a command of numbers', 'command = [1]\n', 'SWEEP_BAD_VALUE', /sweep.toml:1 \(command\)/],
  [
    'an unknown collection',
    'command = "x"\ncollect = "tabel"\n',
    'SWEEP_BAD_VALUE',
    /sweep.toml:2 .*"blockwise"/,
  ],
  [
    'an unknown form of a table',
    'command = "x"\ncollect = { formats = ["xls"] }\n',
    'SWEEP_BAD_VALUE',
    /sweep.toml:2 .*found "xls", expected "csv", "sqlite" or "parquet"$/,
  ],
  [
    'a validator that is no expression',
    'command = "x"\nvalidate = { expression = "stdout <" }\n',
    'SWEEP_BAD_EXPRESSION',
    /sweep.toml:2 .*line 1, column 9/,
  ],
  [
    'a missing collector',
    'command = "x"\ncollect = "./c.ts"\n',
    'SWEEP_FILE_MISSING',
    /sweep.toml:2 .*\.\/c.ts/,
  ],
  [
    'a collector that is no module',
    'command = "x"\ncollect = "./ising"\n',
    'SWEEP_BAD_VALUE',
    /sweep.toml:2 .*a module/,
  ],
  [
    'a missing validator',
    'command = "x"\nvalidate = "v.ts"\n',
    'SWEEP_FILE_MISSING',
    /sweep.toml:2 .*v.ts/,
  ],
  [
    'a validator that cannot run',
    'command = "x"\nvalidate = "grid.csv"\n',
    'PROGRAM_NOT_EXECUTABLE',
    /sweep.toml:2 .*grid.csv/,
  ],
  [
    'a missing table',
    'command = "x"\nparameters = "none.csv"\n',
    'TABLE_UNREADABLE',
    /none.csv.*no such file or directory/,
  ],
  [
    'a folder as table',
    'command = "x"\nparameters = "build"\n',
    'TABLE_UNREADABLE',
    /build.*it is a directory/,
  ],
  [
    'a bad range',
    'command = "x"\n[parameters.range]\na = "1..x"\n',
    'RANGE_BAD_NUMBER',
    /"a".*"x"/,
  ],
  [
    'a column twice',
    'command = "x"\nparameters = ["grid.csv", "grid.csv"]\n',
    'SWEEP_REFUSED',
    /"beta"/,
  ],
  [
    'an unknown key of a table',
    'command = "x"\n[parameters]\nfiel = "grid.csv"\n',
    'SWEEP_UNKNOWN_KEY',
    /sweep.toml:3 .*"fiel"/,
  ],
  [
    'a set that is no list',
    'command = "x"\n[parameters.set]\na = 1\n',
    'SWEEP_BAD_VALUE',
    /sweep.toml:3 .*a list of values/,
  ],
  [
    'a build for the wrong machine',
    'command = "./ising"\n[programs]\nlinux-x64 = "build/ising-arm64"\n',
    'PROGRAM_WRONG_PLATFORM',
    /sweep.toml:3 .*a program for arm64.*linux-x64/,
  ],
  [
    'a binary for any platform',
    'command = "./ising"\n[programs]\nany = "build/ising-x64"\n',
    'PROGRAM_WRONG_PLATFORM',
    /sweep.toml:3 .*any platform, a script/,
  ],
  [
    'a text as program',
    'command = "./x"\n[programs]\nlinux-x64 = "text"\n',
    'PROGRAM_WRONG_PLATFORM',
    /sweep.toml:3 .*neither a program nor a script/,
  ],
  [
    'a program without its execute bit',
    'command = "./grid.csv"\n',
    'PROGRAM_NOT_EXECUTABLE',
    /sweep.toml:1 .*execute bit/,
  ],
  [
    'a missing build',
    'command = "./x"\n[programs]\nlinux-x64 = "none"\n',
    'SWEEP_FILE_MISSING',
    /sweep.toml:3 .*none.*does not exist/,
  ],
  [
    'an unknown platform',
    'command = "./x"\n[programs]\nlinux-x65 = "ising"\n',
    'PROGRAM_UNKNOWN_PLATFORM',
    /sweep.toml:3 .*linux-x65/,
  ],
  [
    'one platform twice',
    'command = "./x"\n[programs]\nlinux-x64 = "ising"\n"Linux x86_64" = "ising"\n',
    'PROGRAM_UNKNOWN_PLATFORM',
    /sweep.toml:4 /,
  ],
  [
    'programs in the submit directory',
    'command = "./x"\ndirectory = "submit"\n[programs]\nany = "ising"\n',
    'SWEEP_BAD_VALUE',
    /sweep.toml:3 /,
  ],
];
write('text', 'hello\n', 0o755);

for (const [what, toml, code, message] of refusals) {
  test(`a sweep file is refused with its place: ${what}`, async () => {
    await assert.rejects(read(toml), (error: Error & { code: string }) => {
      assert.deepEqual(
        [error.code, error.message.match(message) !== null],
        [code, true],
        error.message,
      );
      return true;
    });
  });
}

test('a sweep file that does not exist is named', async () => {
  await assert.rejects(readSweepFile('none.toml', {}, surroundings), {
    code: 'SWEEP_UNREADABLE',
    message: 'none.toml: the sweep file cannot be read: no such file or directory',
  });
});
