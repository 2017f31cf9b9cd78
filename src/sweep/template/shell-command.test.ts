import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import fc from 'fast-check';
import { compileCommand } from './command.ts';

const folder = mkdtempSync(join(tmpdir(), 'windrow-shell-'));
after(() => rmSync(folder, { recursive: true }));

const shells = ['sh', 'bash'].filter((shell) => spawnSync(shell, ['-c', 'exit 0']).status === 0);

/** What the shell printed, cut at NUL; nothing else may have happened. */
function run(shell: string, script: string): string[] {
  const ended = spawnSync(shell, ['-c', script], {
    cwd: folder,
    env: { PATH: process.env.PATH },
    // Bash reads its start-up file when it believes to be run by rshd, from a socket.
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  assert.equal(ended.stderr.toString(), '', script);
  assert.equal(ended.status, 0, script);
  assert.deepEqual(readdirSync(folder), [], `a value was executed by: ${script}`);
  return ended.stdout.toString().split('\0').slice(0, -1);
}

const hostile = [
  'plain',
  '',
  ' ',
  'two words',
  "it's",
  '"',
  '\\',
  "'; touch canary; '",
  '"; touch canary; "',
  '$(touch canary)',
  '`touch canary`',
  '${HOME}$HOME$?$$$1',
  '; touch canary #',
  '& touch canary',
  '| touch canary',
  'a\nb',
  '\n',
  'ends with newlines\n\n',
  '\nEOF\ntouch canary\n',
  'EOF',
  "'\nEOF\ntouch canary\n'",
  '# no comment',
  '*',
  '?[a-z]*',
  '~',
  '-n',
  '--help',
  '%s\\n\\c',
  '\\n\\0041\\',
  '\r',
  '\t\v\f',
  '!x !!',
  '{a,b}',
  '<(touch canary)',
  'a=b',
  'é😀\u2028',
  ')',
  '))',
  '}',
  'esac',
  '$',
  "$'\\n'",
  '\x01\x7f\x1b[0m',
];

/** A command that prints words, each ended by NUL, and the words it should print. */
const places: [string, string, (x: string) => string[]][] = [
  ['plain text', "printf '%s\\0' $x $y", (x) => [x, 'y']],
  ['inside a word', "printf '%s\\0' a${x}b$x", (x) => [`a${x}b${x}`]],
  ['double quotes', 'printf \'%s\\0\' "a $x b$x"', (x) => [`a ${x} b${x}`]],
  ['single quotes', "printf '%s\\0' 'a $x \\b$x'", (x) => [`a ${x} \\b${x}`]],
  ['mixed quotes', "printf '%s\\0' \"a'$x'\"'\"$x\"'$x\\'", (x) => [`a'${x}'"${x}"${x}'`]],
  ['escaped quotes', 'printf \'%s\\0\' "\\"$x\\"" \\"$x\\\'', (x) => [`"${x}"`, `"${x}'`]],
  ['a substitution', "printf '%s\\0' $(printf %s= $x | wc -l)", (x) => [lines(x)]],
  ['a quoted substitution', 'printf \'%s\\0\' "<$(printf %s. "$x")>"', (x) => [`<${x}.>`]],
  [
    'nested substitutions',
    'printf \'%s\\0\' "$(printf %s. "$(printf %s. $x)")"',
    (x) => [`${x}..`],
  ],
  ['quotes after a substitution', 'printf \'%s\\0\' "$(echo a)" \'$x\' "$x"', (x) => ['a', x, x]],
  ['an assignment', 'v=$x; printf \'%s\\0\' "$$v" $x', (x) => [x, x]],
  ['a case', "case $x in $x) printf '%s\\0' $x;; *) echo no;; esac", (x) => [x]],
  ['a loop', 'for v in $x "$x"; do printf \'%s\\0\' "$$v"; done', (x) => [x, x]],
  ['a subshell and a group', "(printf '%s\\0' $x); { printf '%s\\0' '$x'; }", (x) => [x, x]],
  ['a function', 'f() { printf \'%s\\0\' "$$1" $x; }; f $x', (x) => [x, x]],
  [
    'a here-document',
    'cat <<EOF\n[$x]"${x}"\nEOF\nprintf \'\\0%s\\0\' $x',
    (x) => [`[${x}]"${x}"\n`, x],
  ],
  [
    'a here-document with tabs',
    "cat <<-EOF\n\t[$x]\n\tEOF\nprintf '\\0%s\\0' '$x'",
    (x) => [`[${x}]\n`, x],
  ],
  [
    'two here-documents',
    "cat <<A; cat <<'B'\n$x\nA\nit's \"\nB\nprintf '\\0%s\\0' \"$x\"",
    (x) => [`${x}\nit's "\n`, x],
  ],
  [
    'a here-document in a substitution',
    'printf \'%s\\0\' "$(cat <<EOF\n$x.\nEOF\n)" $x',
    (x) => [`${x}.`, x],
  ],
  ['comments', "# it's $x\nprintf '%s\\0' $x # \"$x\n", (x) => [x]],
  ['a comment after a continued line', "printf '%s\\0' $x \\\n # it's $x", (x) => [x]],
  [
    "the shell's own expansions",
    'printf \'%s\\0\' ${NONE:-"d}"} $x "${NONE:-\\}}$x" $#',
    (x) => ['d}', x, `}${x}`, '0'],
  ],
  ['backquotes beside it', "printf '%s\\0' `echo \"it's\"` '$x'", (x) => ["it's", x]],
  ['arithmetic beside it', "printf '%s\\0' $((1 + (2)<<1)) '$x'", (x) => ['6', x]],
  ['words of another shell', 'sh -c \'printf "%s\\0" "$$1"\' sh $x', (x) => [x]],
  [
    'an and-or list',
    "false || ! true || printf '%s\\0' $x && printf '%s\\0' \"$x\"",
    (x) => [x, x],
  ],
  ['a redirection', "{ printf '%s\\0' $x; } 2>/dev/null >&1", (x) => [x]],
  ['a pipe', "printf '%s\\0' $x | cat", (x) => [x]],
];

function lines(text: string): string {
  return String(text.split('\n').length - 1);
}

for (const [what, template, expected] of places) {
  test(`a value is one word whatever it contains: ${what}`, () => {
    const command = compileCommand({ kind: 'shell', template }, ['x', 'y']);
    const words = hostile.flatMap(expected);
    for (const shell of shells) {
      const scripts = hostile.map((x) => command.expand([x, 'y'], 0).argv[2]!);
      assert.deepEqual(run(shell, scripts.join('\n')), words, shell);
      const oneLine = hostile.map((x) => command.commandLine([x, 'y'], 0));
      assert.ok(oneLine.every((line) => !/[\n\r]/.test(line)));
      assert.deepEqual(run(shell, oneLine.join('\n')), words, `${shell}, on one line`);
    }
  });
}

test('any mixture of quotes keeps any values whole', () => {
  const text = fc.string({
    unit: fc.constantFrom('a', ' ', '\\', "'", '"', '$', '`', '#', ')', '\n', '*'),
    maxLength: 8,
  });
  const piece = fc.oneof(
    text.map((t) => [`'${t.replace(/['$]/g, '')}$x'`, t.replace(/['$]/g, '')]),
    text.map((t) => [`"${t.replace(/["$`\\]/g, '')}$x"`, t.replace(/["$`\\]/g, '')]),
    text.map((t) => [`${t.replace(/[^a*]/g, '')}\\#\${x}`, `${t.replace(/[^a*]/g, '')}#`]),
    text.map((t) => [`"$(printf '%s.' "$x")"`, '', `.${t.slice(0, 0)}`]),
  );
  fc.assert(
    fc.property(
      fc.array(fc.array(piece, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 4 }),
      fc.string({ unit: 'binary' }),
      (words, value) => {
        const x = value.replaceAll('\0', '').toWellFormed();
        const template = `printf '%s\\0' ${words.map((word) => word.map(([t]) => t).join('')).join(' ')}`;
        const expected = words.map((word) =>
          word.map(([, before, behind]) => `${before}${x}${behind ?? ''}`).join(''),
        );
        const { argv } = compileCommand({ kind: 'shell', template }, ['x']).expand([x], 0);
        for (const shell of shells) assert.deepEqual(run(shell, argv[2]!), expected);
      },
    ),
    { numRuns: 60 },
  );
});

const unsafe: [string, string, RegExp, RegExp][] = [
  ['backquotes', 'echo `cat $x`', /inside backquotes/, /Write \$\(…\)/],
  ['arithmetic', 'echo $((1 + $x))', /inside \(\(…\)\)/, /variable first/],
  ['quotes in arithmetic', 'echo $((1 + ")" + $x))', /inside \(\(…\)\)/, /variable first/],
  ['old arithmetic', 'echo $[1 + $x]', /with \$\[…\]/, /\$\(\(…\)\) instead/],
  ['a test that evaluates', 'if [[ $x -eq 1 ]]; then echo; fi', /behind a \[\[/, /\[ … \]/],
  ['a test that evaluates quotes', '[[ 1 -eq "$x" ]]', /behind a \[\[/, /\[ … \]/],
  [
    'an element of a list with brackets',
    'echo; list[a[1]+$x]=1',
    /index in name\[…\]/,
    /in quotes/,
  ],
  ['an element of a list', 'list[$x]=1', /index in name\[…\]/, /in quotes/],
  ['an arithmetic command', '((i = $x))', /inside \(\(…\)\)/, /variable first/],
  ["the shell's own braces", 'echo ${HOME:-$x}', /inside \$\{…\}/, /variable first/],
  ['quotes in braces', 'echo "${HOME:-\'$x\'}"', /inside \$\{…\}/, /variable first/],
  ['a quoted here-document', "cat <<'EOF'\n$x\nEOF", /quoted delimiter/, /without quotes/],
  ['the end of a here-document', 'cat <<$x\n$x', /ends a here-document/, /fixed word/],
  ['behind a backslash', 'echo \\$x', /behind a backslash/, /\\\$\$name/],
  ['behind a backslash in quotes', 'echo "\\$x"', /behind a backslash/, /\\\$\$name/],
  ['behind a dollar', 'echo $$$x', /behind a dollar/, /\\\$\$/],
  ['behind a dollar in quotes', 'echo "$$${x}"', /behind a dollar/, /\\\$\$/],
  ["after $'", "echo $'a\\'b' $x", /\$'…'/, /printf/],
  ['an open single quote', "echo '$x", /never closed/, /Close it/],
  ['an open double quote', 'echo "$x', /never closed/, /Close it/],
  ['an open parenthesis', 'echo $x $(date', /never closed/, /Close it/],
  [
    'a case inside "$(…)"',
    'echo "$(case a in a) echo "$x";; esac)"',
    /case inside/,
    /variable first/,
  ],
  ['too many parentheses', `${'( '.repeat(120)}echo $x`, /more than 100/, /script file/],
];

for (const [what, template, message, todo] of unsafe) {
  test(`a placeholder is refused where no value could be safe: ${what}`, () => {
    const compile = () => compileCommand({ kind: 'shell', template }, ['x']);
    assert.throws(compile, (error: Error & { code: string; todo: string }) => {
      if (error.code === 'SWEEP_REFUSED')
        return message.test(error.message) && todo.test(error.message);
      assert.equal(error.code, 'TEMPLATE_UNSAFE_PLACE');
      assert.match(error.message, message);
      assert.match(error.todo, todo);
      return true;
    });
  });
}

test('the same shell constructs without placeholders are left alone', () => {
  for (const [, template] of unsafe) {
    const without = template.replaceAll('$$', '').replace(/\$\{?x\}?/g, 'x');
    const { argv } = compileCommand({ kind: 'shell', template: without }, ['y']).expand(['1'], 0);
    assert.equal(argv[2], without);
  }
});

test('no command that is accepted ever runs a value, however strange its syntax', () => {
  const piece = fc.constantFrom(
    ...[
      "'",
      '"',
      '\\',
      '$$',
      '(',
      ')',
      '((',
      '))',
      '$(',
      '$((',
      '`',
      '${',
      '${A:-',
      '}',
      '<<a',
      '<<-"a"',
    ],
    ...[
      '\n',
      '\na\n',
      'a',
      ' ',
      '#',
      ';',
      'case a in',
      'esac',
      '{',
      '[',
      ']',
      '$x',
      '${x}',
      ' $x ',
      '"$x"',
      "'$x'",
    ],
    ...[
      '$[',
      '[[ ',
      ' -eq 1 ]]',
      'a=',
      '|',
      '&&',
      'echo ',
      "$'",
      '$"',
      '!',
      '<',
      'a[',
      '+1',
      'if ',
      'do',
    ],
  );
  const value = [
    '\'"` $(touch canary)\n`touch canary`\ntouch canary\n\'; touch canary; "; touch canary\n)touch canary\na\ntouch canary\n',
    'a[$(touch canary)]',
  ];
  let accepted = 0;
  fc.assert(
    fc.property(fc.array(piece, { minLength: 2, maxLength: 14 }), (pieces) => {
      const template = `${pieces.join('')} $x`;
      let scripts: string[];
      try {
        const command = compileCommand({ kind: 'shell', template }, ['x']);
        scripts = value.flatMap((x) => [
          command.expand([x], 0).argv[2]!,
          command.commandLine([x], 0),
        ]);
      } catch {
        return;
      }
      accepted++;
      for (const shell of shells) {
        for (const script of scripts) {
          spawnSync(shell, ['-c', script], { cwd: folder, stdio: 'ignore', timeout: 10_000 });
          assert.deepEqual(readdirSync(folder), [], `${shell} ran a value: ${script}`);
        }
      }
    }),
    { numRuns: Number(process.env.WINDROW_FUZZ_RUNS ?? 250) },
  );
  assert.ok(accepted > 5, `only ${accepted} commands were accepted`);
});

test('raw values enter the command as they are, others beside them stay words', () => {
  const template = "printf '%s\\0' ${x:raw} $y";
  const command = compileCommand({ kind: 'shell', template }, ['x', 'y']);
  const { argv } = command.expand(['a "b c" $((1+1))', '$(touch canary)'], 0);
  assert.deepEqual(run('sh', argv[2]!), ['a', 'b c', '2', '$(touch canary)']);
});
