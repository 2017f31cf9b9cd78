/** Everything a table, a template or a sweep can be refused for. All are the writer's to mend: 400. */
import { defineErrors, type ErrorEntry, type Facts } from '#base';

function refusal(message: string, todo: string, example: Facts): ErrorEntry {
  return { message, todo, status: 400, example };
}

const AT = { file: 'grid.csv', line: 17 };

/** Faults of parameter files; each names the file and the line of the first fault. */
export const tableErrors = defineErrors({
  TABLE_CELL_COUNT: refusal(
    '{file}:{line}: found {found} cells, expected {expected} as in the header',
    'Give every line the same number of cells; write a cell that holds the separator in quotes.',
    { ...AT, found: 3, expected: 4 },
  ),
  TABLE_BLANK_LINE: refusal(
    '{file}:{line}: found a blank line between rows, expected {expected} cells',
    'Remove the line, or write "" for a row whose only cell is empty.',
    { ...AT, expected: 4 },
  ),
  TABLE_DUPLICATE_COLUMN: refusal(
    '{file}:{line}: found the column name "{found}" twice, expected distinct names',
    'Rename one of the columns.',
    { file: 'grid.csv', line: 1, found: 'beta' },
  ),
  TABLE_EMPTY_COLUMN_NAME: refusal(
    '{file}:{line}: found an empty name for column {column}, expected a name',
    'Name the column in the header line.',
    { file: 'grid.csv', line: 1, column: 3 },
  ),
  TABLE_BAD_COLUMN_NAME: refusal(
    '{file}:{line}: found the column name {found}, expected at most 256 bytes without control characters',
    'Rename the column; letters, digits and _ work everywhere.',
    { file: 'grid.csv', line: 1, found: '"a\\tb"' },
  ),
  TABLE_TOO_MANY_COLUMNS: refusal(
    '{file}:{line}: found {found} columns, expected at most {expected}',
    'Put long rows into files and let a column name the file.',
    { file: 'grid.csv', line: 1, found: 5000, expected: 4096 },
  ),
  TABLE_EMPTY: refusal(
    '{file}: found {found}, expected {expected}',
    'Write the column names in the first line and one parameter set on each line after it.',
    { file: 'grid.csv', found: 'only a header line', expected: 'at least one row' },
  ),
  TABLE_INVALID_UTF8: refusal(
    '{file}:{line}: found invalid UTF-8 at byte {byte} of the file',
    'Save the file as UTF-8, e.g. with: iconv -f LATIN1 -t UTF-8',
    { ...AT, byte: 1042 },
  ),
  TABLE_NUL_BYTE: refusal(
    '{file}:{line}: found a NUL byte at byte {byte} of the file, expected text',
    'No program can be given a NUL in an argument; is this a binary or UTF-16 file?',
    { ...AT, byte: 1042 },
  ),
  TABLE_UNTERMINATED_QUOTE: refusal(
    '{file}:{line}: found a quoted cell that is still open at the end of the file',
    'Close the quote that opens on line {line}; a quote inside a quoted cell is written twice.',
    AT,
  ),
  TABLE_TEXT_AFTER_QUOTE: refusal(
    '{file}:{line}: found text after the closing quote of cell {column}, expected {expected}',
    'Put the whole cell in quotes; a quote inside a quoted cell is written twice.',
    { ...AT, column: 2, expected: '"," or the end of the line' },
  ),
  TABLE_CELL_TOO_LARGE: refusal(
    '{file}:{line}: found a cell of more than {expected} bytes',
    'Put large contents into files and let the cell name the file. Is a quote left open?',
    { ...AT, expected: 1_048_576 },
  ),
  TABLE_ROW_TOO_LARGE: refusal(
    '{file}:{line}: found a row of more than {expected} bytes',
    'Put large contents into files and let a cell name the file.',
    { ...AT, expected: 4_194_304 },
  ),
  TABLE_BAD_JSON: refusal(
    '{file}:{line}: found no JSON object ({found}), expected one object on each line',
    'Write one object a line, e.g. {"beta": 0.44, "seed": 7}',
    { ...AT, found: 'Unexpected end of JSON input' },
  ),
  TABLE_JSON_KEY_MISSING: refusal(
    '{file}:{line}: found no key "{found}", expected the same keys as on line {first}',
    'Give every object the same keys; null stands for an empty cell.',
    { ...AT, found: 'seed', first: 1 },
  ),
  TABLE_JSON_KEY_UNKNOWN: refusal(
    '{file}:{line}: found the key "{found}", expected only the keys of line {first}',
    'Give every object the same keys; null stands for an empty cell.',
    { ...AT, found: 'sed', first: 1 },
  ),
  TABLE_TOO_MANY_ROWS: refusal(
    '{file}: found more than {expected} rows',
    'Split the table into several jobs.',
    { file: 'grid.csv', expected: 2_147_483_648 },
  ),
  TABLE_UNREADABLE: refusal(
    '{file}: cannot be read: {found}',
    'Check that the file exists and that you may read it.',
    { file: 'grid.csv', found: 'no such file or directory' },
  ),
  TABLE_CHANGED: refusal(
    '{file}: found {found} bytes, expected {expected}: it was changed after it was indexed',
    'Submit the job again with the table as it is now.',
    { file: 'grid.csv', found: 90, expected: 100 },
  ),
  TABLE_INDEX_DAMAGED: {
    message: 'the index of a table is damaged: found {found}, expected {expected}',
    todo: 'Index the table again.',
    status: 500,
    example: { found: 'checksum 12', expected: '34' },
  },
});

/** Faults of axes: ranges, sets and their product. */
export const rowErrors = defineErrors({
  RANGE_BAD_NUMBER: refusal(
    'range of "{column}": found "{found}", expected {expected}',
    'Write decimal numbers, e.g. 1..1000, 0.1..0.5..0.05 or 10..1..-1',
    { column: 'beta', found: 'x', expected: 'a decimal number' },
  ),
  RANGE_EMPTY: refusal(
    'range of "{column}": a step of {step} never leads from {from} to {to}',
    'Turn the bounds round or change the sign of the step.',
    { column: 'beta', from: '1', to: '10', step: '-1' },
  ),
  ROWS_TOO_MANY: refusal(
    'the parameters make {found} rows, expected at most {expected}',
    'Make the ranges coarser or split the sweep into several jobs.',
    { found: '9007199254740993', expected: 2_147_483_648 },
  ),
  ROWS_DUPLICATE_COLUMN: refusal(
    'found the column "{column}" in more than one place of the parameters, expected distinct names',
    'Rename the column in one of them.',
    { column: 'seed' },
  ),
  ROWS_BAD_COLUMN: refusal(
    'found the column name {found}, expected 1 to 256 bytes without control characters',
    'Rename the column; letters, digits and _ work everywhere.',
    { found: '""' },
  ),
  ROWS_BAD_VALUES: refusal(
    'values of "{column}": found {found}, expected {expected}',
    'Give every listed row one value for each of its columns, without NUL characters.',
    { column: 'x', found: '2 values in row 3', expected: '1' },
  ),
  ROW_OUT_OF_RANGE: {
    message: 'found row {found}, expected a row from 0 to {expected}',
    todo: 'Ask only for rows of the table.',
    status: 404,
    example: { found: 12, expected: 9 },
  },
});

/** Faults of templates; `{where}` is e.g. `sweep.toml:2 (command)`. */
export const templateErrors = defineErrors({
  TEMPLATE_UNKNOWN_COLUMN: refusal('{where}: the placeholder {found} names no column', '{advice}', {
    where: 'sweep.toml:2 (command)',
    found: '$bta',
    advice: 'Did you mean $beta?',
  }),
  TEMPLATE_UNKNOWN_OPERATION: refusal(
    '{where}: the placeholder {found} asks for an unknown operation',
    '{advice}',
    { where: 'command', found: `\${file:bse}`, advice: 'Did you mean :base?' },
  ),
  TEMPLATE_UNSAFE_PLACE: refusal(
    '{where}: the placeholder {found} stands {context}, where its value could not be kept one word',
    '{advice}.',
    {
      where: 'command',
      found: '$beta',
      context: 'inside backquotes',
      advice: 'Write $(…) instead of backquotes',
    },
  ),
  TEMPLATE_EMPTY_COMMAND: refusal(
    '{where}: found an empty command, expected a program',
    'Write the command that runs once for each row.',
    { where: 'sweep.toml:2 (command)' },
  ),
  TEMPLATE_BAD_COMMAND: refusal(
    '{where}: found {found}, expected {expected}',
    'Put long scripts and binary data into files and name them in the command.',
    { where: 'command', found: 'a NUL character', expected: 'text' },
  ),
});

/** Several faults at once, so that one run shows them all. */
export const sweepErrors = defineErrors({
  SWEEP_REFUSED: refusal('{count} problems:\n{problems}', 'Mend them and try again.', {
    count: 2,
    problems: '- command: …\n- [inputs]: …',
  }),
});

/** Faults of sweep files and of the options that stand for their keys. */
export const planErrors = defineErrors({
  SWEEP_UNREADABLE: refusal(
    '{file}: the sweep file cannot be read: {found}',
    'Check that the file exists, is text of at most 4 MiB, and that you may read it.',
    { file: 'sweep.toml', found: 'no such file or directory' },
  ),
  SWEEP_BAD_TOML: refusal('{file}:{line}:{column}: {found}', 'Correct the TOML at that place.', {
    file: 'sweep.toml',
    line: 3,
    column: 9,
    found: 'incomplete key-value declaration',
  }),
  SWEEP_UNKNOWN_KEY: refusal('{where}: found the unknown key "{found}"', '{advice}', {
    where: 'sweep.toml:5 (retires)',
    found: 'retires',
    advice: 'Did you mean "retries"?',
  }),
  SWEEP_MISSING_KEY: refusal('{where}: found no "{expected}"', 'Add it, e.g. {example}', {
    where: 'sweep.toml',
    expected: 'command',
    example: 'command = "./program --beta $beta"',
  }),
  SWEEP_BAD_VALUE: refusal('{where}: found {found}, expected {expected}', 'Correct the value.', {
    where: 'sweep.toml:6 (timeout)',
    found: '600',
    expected: 'a duration with its unit, e.g. "10 min"',
  }),
  SWEEP_BAD_EXPRESSION: refusal(
    '{where}: {problem}, at line {line}, column {column}\n{caret}',
    'Correct the expression at the mark; the language is described in docs/guide/classad.md.',
    {
      where: 'sweep.toml:6 (requirements)',
      problem: 'expected an operand, found the end',
      line: 1,
      column: 10,
      caret: 'Memory >=\n         ^',
    },
  ),
  SWEEP_TOLD_ATTRIBUTE: refusal(
    '{where}: found the attribute {found}, which Windrow tells by itself',
    'Use the key that sets it, e.g. [request] memory for RequestMemory, or choose another name.',
    { where: 'sweep.toml:9 ([attributes] "RequestMemory")', found: 'RequestMemory' },
  ),
  SWEEP_BAD_NAME: refusal(
    '{where}: found the name {found}, expected {expected}',
    'Choose a name that stays inside the directory of an attempt.',
    { where: 'sweep.toml:9 ([inputs])', found: '"../x"', expected: 'a relative path without ".."' },
  ),
  SWEEP_DUPLICATE_NAME: refusal(
    '{where}: found the name {found}, which collides with {other}',
    'Give each file and each result a name of its own.',
    { where: 'sweep.toml:9 ([inputs])', found: '"a/b"', other: 'the file "a"' },
  ),
  SWEEP_UNKNOWN_PARAMETER: refusal('{where}: the parameter "{found}" names no column', '{advice}', {
    where: 'sweep.toml:9 ([inputs])',
    found: 'lattise',
    advice: 'Did you mean "lattice"?',
  }),
  SWEEP_BAD_URL: refusal(
    '{where}: the URL cannot be used: {why}',
    'Write a URL like https://data.example/lib.so, or a path.',
    { where: 'sweep.toml:12: [data] "lib.so"', why: 'it is no URL' },
  ),
  SWEEP_UNKNOWN_DATA: refusal(
    '{where}: {found} is not named in [data]; known are: {known}',
    'Name it in [data], or write the URL here.',
    { where: 'sweep.toml:12: [inputs] "lib.so"', found: 'lbi', known: 'lib' },
  ),
  SWEEP_FILE_MISSING: refusal(
    '{where}: the file {path} cannot be used: {found}',
    'Correct the path, which is relative to {base}.',
    {
      where: 'sweep.toml:12 ([inputs] "a")',
      path: 'a.bin',
      found: 'it does not exist',
      base: '/home/ada/ising',
    },
  ),
  SWEEP_STDIN_TWICE: refusal(
    '{where}: standard input can be read by one table only',
    'Write the second table to a file.',
    { where: '--each-line' },
  ),
  PROGRAM_NOT_EXECUTABLE: refusal(
    '{where}: the program {path} cannot be executed: {found}',
    '{advice}',
    {
      where: 'sweep.toml:2 (command)',
      path: './ising',
      found: 'its execute bit is not set',
      advice: 'chmod +x ./ising',
    },
  ),
  PROGRAM_WRONG_PLATFORM: refusal(
    '{where}: the program {path} is {found}, expected one for {expected}',
    'Name the build of each platform in [programs], e.g. "linux-arm64" = "build/arm64/program".',
    {
      where: 'sweep.toml:8 ([programs])',
      path: 'build/ising',
      found: 'a program for linux-x64',
      expected: 'linux-arm64',
    },
  ),
  PROGRAM_UNKNOWN_PLATFORM: refusal(
    '{where}: found the platform "{found}", expected {expected}',
    'Write the platform as "<os>-<arch>", e.g. "linux-x64", or "any" for a script.',
    { where: 'sweep.toml:8 ([programs])', found: 'linux_64', expected: 'e.g. linux-x64' },
  ),
  PARALLEL_WORDS: refusal('{where}: found {found}, expected {expected}', '{advice}', {
    where: 'command line',
    found: 'no value after ":::"',
    expected: 'at least one',
    advice: 'Write the values after ":::", e.g. gzip {} ::: a.txt b.txt',
  }),
});

/** Faults of submit descriptions. */
export const submitErrors = defineErrors({
  SUBMIT_BAD_LINE: refusal(
    '{where}: found {found}, expected {expected}',
    'Correct the line; docs/guide/submit-files.md has the language.',
    { where: 'job.sub:4', found: 'request_cpus: many', expected: 'a number above 0, at most 4096' },
  ),
  SUBMIT_NOT_SUPPORTED: refusal(
    '{where}: {found}: this is not supported: {reason}',
    'Remove the line, or do without what it asks for; docs/guide/submit-files.md lists what works.',
    {
      where: 'job.sub:7',
      found: 'notification = Always',
      reason: 'no mail is sent for single jobs; "windrow wait" tells when one has ended',
    },
  ),
  SUBMIT_UNREADABLE: refusal(
    '{file}: the submit description cannot be read: {found}',
    'Check that the file exists, is text of at most 64 MiB, and that you may read it.',
    { file: 'job.sub', found: 'no such file or directory' },
  ),
  SUBMIT_NO_QUEUE: refusal(
    '{file}: found no queue statement, so there is nothing to run',
    'End the description with the line "queue".',
    { file: 'job.sub' },
  ),
  SUBMIT_SEVERAL_JOBS: refusal(
    '{file} makes {count} jobs, which run as one only where they share executable, requests and attributes',
    'Submit it to a server: windrow submit {file}',
    { file: 'job.sub', count: 3 },
  ),
  SUBMIT_OPTION: refusal(
    'the option {found} is for sweep files and commands; {file} is a submit description',
    'Say it in the description.',
    { found: '--range', file: 'job.sub' },
  ),
});
