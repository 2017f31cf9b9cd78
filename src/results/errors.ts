import { defineErrors } from '#base';

/** Errors of the results room: segment files, validators, collection, log search. */
export const resultsErrors = defineErrors({
  RESULTS_DISK_FULL: {
    message: 'No space left on the disk of {file} after {writtenBytes} bytes.',
    todo: 'Free space there, or move the state directory to a larger disk; nothing acknowledged is lost.',
    status: 507,
    example: { file: '/var/lib/windrow/results/results-000001.seg', writtenBytes: 1_048_576 },
  },
  RESULTS_WRITE_FAILED: {
    message: 'Writing {file} failed: {reason}.',
    todo: 'Look after that disk; the records since the last successful write were not taken.',
    status: 500,
    example: { file: '/var/lib/windrow/results/results-000001.seg', reason: 'EIO: i/o error' },
  },
  RESULTS_SEGMENT_MISSING: {
    message:
      'The result file {file} is missing; {expectedBytes} bytes of it are known to be durable.',
    todo: 'Put the file back from a backup, or start from an empty state directory.',
    status: 500,
    example: { file: '/var/lib/windrow/results/results-000003.seg', expectedBytes: 4096 },
  },
  RESULTS_SEGMENT_SHORT: {
    message:
      'The result file {file} has {foundBytes} bytes; {expectedBytes} are known to be durable.',
    todo: 'Put the file back from a backup: something shortened it.',
    status: 500,
    example: {
      file: '/var/lib/windrow/results/results-000003.seg',
      foundBytes: 100,
      expectedBytes: 4096,
    },
  },
  RESULTS_SEGMENTS_UNKNOWN: {
    message:
      'The directory {directory} holds {found} result files, but the database knows of none.',
    todo: 'Use the database that belongs to this directory, or an empty directory.',
    status: 500,
    example: { directory: '/var/lib/windrow/results', found: 3 },
  },
  RESULTS_RECORD_CORRUPT: {
    message: 'A stored result is damaged: {file}, offset {offset}, {bytes} bytes: {reason}.',
    todo: 'Put the file back from a backup, or run that task again.',
    status: 500,
    example: {
      file: '/var/lib/windrow/results/results-000003.seg',
      offset: 8192,
      bytes: 300,
      reason: 'its SHA-256 does not match',
    },
  },
  RESULTS_PART_TOO_LARGE: {
    message: 'Part {name} has {bytes} bytes; at most {limitBytes} can be held in memory.',
    todo: 'Read it as a stream.',
    status: 413,
    example: { name: 'field', bytes: 10_000_000_000, limitBytes: 67_108_864 },
  },
  RESULTS_SPOOL_CHANGED: {
    message: 'The uploaded part {name} is not what was announced: {reason}.',
    todo: 'Upload it again.',
    status: 422,
    example: { name: 'field', reason: '10 bytes were announced, 9 found' },
  },
  RESULTS_RECORD_TOO_LARGE: {
    message:
      'The description of an attempt with {parts} parts has {bytes} bytes; the limit is {limitBytes}.',
    todo: 'Produce fewer result files in one attempt, or pack them into one.',
    status: 413,
    example: { parts: 200_000, bytes: 20_000_000, limitBytes: 16_777_216 },
  },
  CODE_UNREADABLE: {
    message: 'The {what} {file} cannot be read: {reason}.',
    todo: 'Put the file where the server can read it, or submit the job again.',
    status: 422,
    example: { what: 'validator', file: '/home/ann/validate.ts', reason: 'ENOENT' },
  },
  CODE_CHANGED: {
    message: 'The {what} {file} is not the file that was submitted: its SHA-256 is {found}.',
    todo: 'Submit the job again with the new file, or put the old one back.',
    status: 409,
    example: { what: 'validator', file: '/home/ann/validate.ts', found: '9f86d081884c7d65…' },
  },
  CODE_UNUSABLE: {
    message: 'The {what} {file} cannot be used: {reason}.',
    todo: 'Correct it and submit the job again; nothing was run.',
    status: 422,
    example: {
      what: 'validator',
      file: '/home/ann/validate.ts',
      reason: 'it cannot be loaded: /home/ann/validate.ts:3: SyntaxError: Expression expected',
    },
  },
  CODE_UNSUPPORTED: {
    message: 'A {what} of kind {kind} cannot be run by this version.',
    todo: 'Use a module.',
    status: 422,
    example: { what: 'collector', kind: 'executable' },
  },
  COLLECT_NAME_UNSAFE: {
    message: 'The result name {name} cannot be used: {reason}.',
    todo: 'Choose another name for that result.',
    status: 422,
    example: { name: 'a/b', reason: 'it has a slash' },
  },
  COLLECT_TABLE_UNFIT: {
    message: 'The results cannot be collected as a table: {reason}.',
    todo: 'Use collect = "blockwise" or "concat", or change what is named.',
    status: 422,
    example: { reason: 'the column x is there twice' },
  },
  COLLECT_NOT_A_LINE: {
    message:
      'Result {result} of task {task} (ticket {ticket}) is no single line of text: {reason}.',
    todo: 'Use collect = "blockwise", or make the program write one line.',
    status: 422,
    example: { result: 'energy', task: 17, ticket: 48213, reason: 'it has 3 lines' },
  },
  COLLECT_DISK_FULL: {
    message: 'No space left on the disk of {file}.',
    todo: 'Free space there and collect again; what was collected before is untouched.',
    status: 507,
    example: { file: '/home/ann/results/energy' },
  },
  COLLECT_WRITE_FAILED: {
    message: 'Writing {file} failed: {reason}.',
    todo: 'Make the output directory writable and collect again; what was collected before is untouched.',
    status: 500,
    example: { file: '/home/ann/results/energy', reason: 'EACCES: permission denied' },
  },
  COLLECT_CODE_FAILED: {
    message: 'The collector {file} failed at {where}: {reason}.',
    todo: 'Correct the collector and collect again; what was collected before is untouched.',
    status: 422,
    example: { file: '/home/ann/collect.ts', where: 'task 17', reason: 'it threw TypeError: …' },
  },
  BLOCKS_DAMAGED: {
    message: 'The block file {file} is damaged at byte {offset}: {reason}.',
    todo: 'Collect the results again.',
    status: 500,
    example: { file: 'results/energy.blocks', offset: 4711, reason: 'no block header' },
  },
  LOGS_PATTERN_INVALID: {
    message: 'The pattern {pattern} is no regular expression: {reason}.',
    todo: 'Correct it; the syntax is that of RE2, without back-references and look-around.',
    status: 422,
    example: { pattern: '(', reason: 'missing closing )' },
  },
});
