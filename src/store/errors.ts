import { defineErrors } from '#base';

export const storeErrors = defineErrors({
  STATE_IN_USE: {
    message: 'the state directory {directory} is in use by another Windrow server{holder}',
    todo: 'Use that server (--server URL), stop it (windrow stop), or give another --state directory.',
    status: 409,
    example: { directory: '/home/ann/sweep/results/.windrow', holder: ' (process 4711)' },
  },
  STATE_NEWER: {
    message:
      'the state directory {directory} was written by a newer Windrow (format {found}; this one knows up to {known})',
    todo: 'Use that newer version, or give another --state directory; nothing was changed.',
    status: 409,
    example: { directory: '/home/ann/sweep/results/.windrow', found: 9, known: 1 },
  },
  STATE_CORRUPT: {
    message: 'the database {file} cannot be read: {why}',
    todo: 'Check the disk, restore the file from a copy, or move it away to start afresh; it was left as it is.',
    status: 500,
    example: { file: '.windrow/windrow.sqlite', why: 'file is not a database' },
  },
  STATE_UNWRITABLE: {
    message: 'the state directory {directory} cannot be written: {why}',
    todo: 'Check its owner, mode and file system, or give another one with --state.',
    status: 500,
    example: { directory: '/mnt/readonly/.windrow', why: 'permission denied' },
  },
  STATE_SYNC_FAILED: {
    message: 'the disk did not keep what was written to {file}: {why}',
    todo: 'Look for faults of the disk (dmesg), then start the server again: it goes on from what is on disk.',
    status: 500,
    example: { file: '.windrow/windrow.sqlite-wal', why: 'input/output error (EIO)' },
  },
  STATE_DISK_FULL: {
    message: 'the disk that holds {file} is full',
    todo: 'Free some space; no new work is handed out until then, and nothing is lost.',
    status: 507,
    example: { file: '.windrow/windrow.sqlite' },
  },
});
