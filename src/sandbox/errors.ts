import { defineErrors } from '#base';

export const sandboxErrors = defineErrors({
  PROGRAM_NOT_FOUND: {
    message: 'cannot start {program}: {reason} ({code})',
    todo: 'Check the command, and that the program is on the machine or shipped with the job.',
    status: 422,
    example: { program: './ising', reason: 'there is no such file', code: 'ENOENT' },
  },
  PROGRAM_NOT_STARTED: {
    message: 'cannot start {program}: {reason} ({code})',
    todo: 'The reason names what to repair on the machine or in the job.',
    status: 422,
    example: { program: './ising', reason: 'it is not executable', code: 'EACCES' },
  },
  STARTER_BUSY: {
    message: 'cannot start {program}: another program of this slot is still running',
    todo: 'This is a fault of Windrow; please report it with the log of the worker.',
    status: 500,
    example: { program: './ising' },
  },
  STARTER_WITHDRAWN: {
    message: '{program} was not started: it was taken back before its turn came',
    todo: 'Nothing; the task goes to another slot or is not wanted any more.',
    status: 503,
    example: { program: './ising' },
  },
  STARTER_CLOSED: {
    message: 'cannot start {program}: the slot is being closed',
    todo: 'Nothing; the task goes to another slot.',
    status: 503,
    example: { program: './ising' },
  },
  LAUNCHER_LOST: {
    message: 'the launcher that ran {program} ended unexpectedly ({how})',
    todo: 'Look for what killed it (the kernel log names victims of memory shortage); the next program gets a new launcher.',
    status: 500,
    example: { program: './ising', how: 'SIGKILL' },
  },
  LAUNCHER_UNFIT: {
    message: 'the launcher {launcher} cannot be used: {reason}',
    todo: 'Build it again with "npm rebuild", or remove it to start programs without it.',
    status: 500,
    example: { launcher: 'build/launcher', reason: 'it speaks version 2, expected 1' },
  },
  WALLS_FAILED: {
    message: 'cannot start {program} behind its walls: {reason}',
    todo: 'What it printed may say more; "windrow doctor" tries every wall of the machine.',
    status: 500,
    example: { program: './ising', reason: 'it could not be put into its cgroup (EACCES)' },
  },
  WALLS_MISSING: {
    message: 'this machine cannot put up walls that the job requires: {walls}',
    todo: 'Run "windrow doctor" on the machine: it says why, and what would mend it.',
    status: 422,
    example: { walls: 'account (last stage of the launcher: the worker is not root); memory' },
  },
  WALLS_DIRECTORY_CLOSED: {
    message: 'the directory {directory} is closed to the account {account}, at {closed}',
    todo: 'Behind walls nothing runs as root, nor in the directory of a worker. Open the directories on the way ("chmod o+x"), submit from another directory, or run in a scratch directory ("--directory scratch", "windrow sandbox run --scratch").',
    status: 422,
    example: { directory: '/root/sweep', account: 'slot1_user', closed: '/root' },
  },
  WALLS_DIRECTORY_EXCHANGED: {
    message: 'the directory {directory} could not be looked at as a whole: {reason}',
    todo: 'Somebody put something else in its place meanwhile. Try again; where it happens again, find out who may write there.',
    status: 422,
    example: { directory: '/home/ada/sweep', reason: 'a part of the path is not a directory' },
  },
  WRITE_REFUSED: {
    message: 'a job behind walls cannot write to {path} here: {reason}',
    todo: 'List it under "writable" in the section [isolation] of the machine’s settings, or ask for another directory.',
    status: 422,
    example: { path: '/data/raw', reason: 'jobs may write to /data/results' },
  },
  IO_DISK_UNKNOWN: {
    message: 'the disk of {path}, whose use is to be limited, is not found: {reason}',
    todo: 'Name a directory on a disk or a block device in isolation-io-read and isolation-io-write.',
    status: 422,
    example: { path: '/data', reason: 'it lies on no block device' },
  },
  PAYLOAD_ACCOUNT_MISSING: {
    message:
      'jobs of {owner} are to run as {account} here, which is root, a service that no line names, or no account of this machine',
    todo: 'Make the account, or name another one under [payload] in the settings of the worker.',
    status: 422,
    example: { owner: 'ada', account: 'grid_ada' },
  },
  ROOT_UNKNOWN: {
    message: 'this machine has no root called "{root}"; it has: {known}',
    todo: 'List it under [roots] in the settings of the worker, or ask for another one.',
    status: 422,
    example: { root: 'rhel5', known: 'debian12' },
  },
  ROOT_UNUSABLE: {
    message: 'the root "{root}" at {path} cannot be used: {reason}',
    todo: 'The reason names what to repair on the machine.',
    status: 500,
    example: { root: 'rhel5', path: '/chroot/rhel5.sqfs', reason: 'no such device' },
  },
  WALL_NOT_RAISED: {
    message: 'the wall "{wall}" could not be put up: {doing}: {reason}',
    todo: 'Run "windrow doctor" on the machine: it tries every wall and says what would mend it.',
    status: 500,
    example: {
      wall: 'memory',
      doing: 'making /sys/fs/cgroup/windrow-0a1b2c3d/7f-1',
      reason: 'permission denied',
    },
  },
  WALL_NOT_TAKEN_DOWN: {
    message: 'the wall "{wall}" could not be taken down: {doing}: {reason}',
    todo: 'What is left is removed when the next worker starts in the same directory.',
    status: 500,
    example: {
      wall: 'track',
      doing: 'removing /sys/fs/cgroup/windrow-0a1b2c3d/7f-1',
      reason: 'device or resource busy',
    },
  },
  PROCWATCH_NO_LAUNCHER: {
    message: 'the launcher, through which the kernel tells of processes, is not there',
    todo: 'Install a C compiler and run "npm rebuild" in the folder of Windrow.',
    status: 500,
    example: {},
  },
  PROCWATCH_NOT_ALLOWED: {
    message: 'only root may follow the processes of everybody',
    todo: 'Run it as root; it needs CAP_NET_ADMIN in the first network namespace.',
    status: 403,
    example: {},
  },
  PROCWATCH_ENDED: {
    message: 'the events of processes stopped coming: {reason}',
    todo: 'In a container the kernel tells nothing: run it on the machine itself.',
    status: 500,
    example: { reason: 'listening to the process connector: Operation not permitted' },
  },
  LINE_PROCESS_NOT_STARTED: {
    message: 'cannot start {program}: {reason}',
    todo: 'Check that the program exists and is executable.',
    status: 422,
    example: { program: './validate', reason: 'there is no such file (ENOENT)' },
  },
  LINE_PROCESS_MEMORY: {
    message:
      '{program} used {usedBytes} bytes of memory with its children; its limit is {limitBytes}',
    todo: 'Let it use less memory, or raise the limit.',
    status: 422,
    example: { program: './validate', usedBytes: 700_000_000, limitBytes: 536_870_912 },
  },
  LINE_PROCESS_LINE_TOO_LONG: {
    message: '{program} wrote a line longer than {limitBytes} bytes to its answers',
    todo: 'Let it answer with shorter lines.',
    status: 422,
    example: { program: './validate', limitBytes: 16_777_216 },
  },
  LINE_PROCESS_KILLED: {
    message: '{program} was stopped',
    todo: 'Nothing; Windrow stopped it because it was no longer needed or took too long.',
    status: 503,
    example: { program: './validate' },
  },
  LINE_PROCESS_EXITED: {
    message: '{program} ended by itself ({how})',
    todo: 'Look at what it wrote to its standard error.',
    status: 422,
    example: { program: './validate', how: 'exit code 1' },
  },
  LINE_NOT_SENDABLE: {
    message: 'cannot send a line to {program}: {reason}',
    todo: 'This is a fault of Windrow; please report it.',
    status: 500,
    example: { program: './validate', reason: 'it contains a newline' },
  },
});
