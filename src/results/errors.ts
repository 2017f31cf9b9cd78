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
});
