import { defineErrors } from '#base';

/** Errors of putting workers onto machines. */
export const pilotErrors = defineErrors({
  PILOT_WORKER_NOT_STARTED: {
    message: 'the local worker could not be started with {program}: {reason}',
    todo: 'check that {program} is there and may be executed',
    status: 500,
    example: { program: '/usr/bin/node', reason: 'spawn /usr/bin/node ENOENT' },
  },
  PILOT_WORKER_FAILED: {
    message: 'the local worker ended by itself ({how}): {reason}',
    todo: 'read its log {log}, then start it again',
    status: 500,
    example: {
      how: 'exit code 1',
      reason: 'the directory is in use by another worker',
      log: '/home/ada/results/.windrow/worker/worker.log',
    },
  },
  PILOT_NO_EXECUTABLE: {
    message: 'there is no executable of Windrow {version} for {platform} (in {folder}: {found})',
    todo: 'make it with `npm run build:executable` in the sources, or put its file and executables.json into {folder}',
    status: 404,
    example: {
      version: '0.1.0',
      platform: 'linux-arm64',
      folder: '/opt/windrow/build/executable',
      found: 'none',
    },
  },
  PILOT_EXECUTABLES_UNREADABLE: {
    message: 'the description of executables {file} cannot be read: {reason}',
    todo: 'make it again with `npm run build:executable`, or remove it',
    status: 500,
    example: { file: '/opt/windrow/build/executable/executables.json', reason: 'EACCES' },
  },
  PILOT_NODES_WRONG: {
    message: 'the list of machines is wrong:\n{problems}',
    todo: 'Write one host a line, behind it options like slots=4 user=ada port=22 dir=/scratch via=gate; # begins a comment.',
    status: 400,
    example: {
      problems: 'nodes.txt:3: found slots="many", expected a whole number from 1 to 100000',
    },
  },

  PILOT_SSH_MISSING: {
    message: 'ssh could not be started for {machine}: {reason}',
    todo: 'Install the OpenSSH client, or see that it is in PATH.',
    status: 500,
    example: { machine: 'node1', byHand: 'ssh node1', reason: 'ENOENT' },
  },
  PILOT_HOST_NAME_UNKNOWN: {
    message: '{machine}: there is no machine of that name: {reason}',
    todo: 'Correct the name, give its address, or name it in ~/.ssh/config.',
    status: 502,
    example: { machine: 'nod1', byHand: 'ssh nod1', reason: 'Could not resolve hostname nod1' },
  },
  PILOT_HOST_UNREACHABLE: {
    message: '{machine} does not answer: {reason}',
    todo: 'See whether it is switched on and on the network, and whether a firewall is between: {byHand}',
    status: 502,
    example: { machine: 'node1', byHand: 'ssh node1', reason: 'Connection timed out' },
  },
  PILOT_HOST_REFUSES: {
    message: '{machine} is there, but nothing answers for ssh: {reason}',
    todo: 'See whether sshd runs there, and at which port (port=).',
    status: 502,
    example: { machine: 'node1', byHand: 'ssh node1', reason: 'Connection refused' },
  },
  PILOT_HOST_KEY_CHANGED: {
    message: '{machine} shows another host key than the one that is known: {reason}',
    todo: 'It may have been installed anew, or another machine may pose as it. When you know that the new key is right: ssh-keygen -R NAME, then {byHand}',
    status: 502,
    example: {
      machine: 'node1',
      byHand: 'ssh node1',
      reason: 'REMOTE HOST IDENTIFICATION HAS CHANGED!',
    },
  },
  PILOT_HOST_KEY_UNKNOWN: {
    message: '{machine}: its host key is not known yet: {reason}',
    todo: 'Connect once by hand and look at the key: {byHand}',
    status: 502,
    example: { machine: 'node1', byHand: 'ssh node1', reason: 'Host key verification failed.' },
  },
  PILOT_LOGIN_REFUSED: {
    message: '{machine} does not let you in: {reason}',
    todo: 'It must work without a password: {byHand} (see ssh-copy-id, ssh-agent and user=).',
    status: 502,
    example: { machine: 'node1', byHand: 'ssh node1', reason: 'Permission denied (publickey).' },
  },
  PILOT_SSH_FAILED: {
    message: '{machine}: ssh failed: {reason}',
    todo: 'See what it says by hand: {byHand}',
    status: 502,
    example: {
      machine: 'node1',
      byHand: 'ssh node1',
      reason: 'Connection closed by 10.0.0.7 port 22',
    },
  },
  PILOT_SHELL_UNUSABLE: {
    message: '{machine} takes the login but runs no commands ({how}): {reason}',
    todo: 'The account needs a shell there, and sh with head: {byHand}',
    status: 502,
    example: {
      machine: 'node1',
      byHand: 'ssh node1',
      how: 'exit code 1',
      reason: 'This account is currently not available.',
    },
  },
  PILOT_CONNECTION_LOST: {
    message: '{machine}: the connection broke off: {reason}',
    todo: 'Try again; nothing half done is left.',
    status: 502,
    example: { machine: 'node1', byHand: 'ssh node1', reason: 'no answer' },
  },
  PILOT_INTERRUPTED: {
    message: '{machine}: interrupted',
    todo: 'Do the same again; what is done already is not done twice.',
    status: 499,
    example: { machine: 'node1' },
  },
  PILOT_DIRECTORY_MISSING: {
    message:
      '{machine}: there is no directory {directory}, and none in which it could be made: {reason}',
    todo: 'See whether the disk is mounted there, or name another place with dir=.',
    status: 502,
    example: { machine: 'node1', directory: '/scratch/ada', reason: 'No such file or directory' },
  },
  PILOT_DIRECTORY_UNWRITABLE: {
    message: '{machine}: the directory {directory} cannot be written to: {reason}',
    todo: 'Name another one with dir=, or change its owner.',
    status: 502,
    example: { machine: 'node1', directory: '/scratch/ada', reason: 'Permission denied' },
  },
  PILOT_DISK_FULL: {
    message: '{machine}: the disk of {directory} is full: {reason}',
    todo: 'Make room there, or name a directory on another disk with dir=.',
    status: 502,
    example: { machine: 'node1', directory: '/scratch/ada', reason: '12 MB free, 45 MB needed' },
  },
  PILOT_DIRECTORY_NOEXEC: {
    message:
      '{machine}: no program can be executed in {directory}: its file system is mounted noexec',
    todo: 'Name a directory on another file system with dir=.',
    status: 502,
    example: { machine: 'node1', directory: '/tmp/windrow' },
  },
  PILOT_COPY_DAMAGED: {
    message: '{machine}: what arrived in {directory} is not what was sent: {reason}',
    todo: 'Try again; if it happens again, the memory, the disk or the network there is broken.',
    status: 502,
    example: { machine: 'node1', directory: '/scratch/ada', reason: 'SHA-256 9f86d081…' },
  },
  PILOT_WORKER_CRASHED: {
    message: '{machine}: the worker ended at once ({how}):\n{lines}',
    todo: 'Its log is {log} there. If a file is not found that is there, the C library (glibc) of the machine is too old or another.',
    status: 502,
    example: {
      machine: 'node1',
      how: 'exit code 127',
      lines: 'GLIBC_2.34 not found',
      log: '/home/ada/.cache/windrow/node1/worker.log',
    },
  },
  PILOT_WORKER_SILENT: {
    message: '{machine}: the worker was started, but has told nothing for {waited}',
    todo: 'Its log is {log} there; it may still come up.',
    status: 502,
    example: {
      machine: 'node1',
      waited: '1 min',
      log: '/home/ada/.cache/windrow/node1/worker.log',
    },
  },
  PILOT_SERVER_OUT_OF_REACH: {
    message: '{machine}: the worker there cannot reach the server at {url}: {reason}',
    todo: 'The address must hold there, and no firewall be between; name another with --advertise HOST[:PORT].',
    status: 502,
    example: {
      machine: 'node1',
      url: 'http://10.0.0.1:8980',
      reason: 'connect ECONNREFUSED 10.0.0.1:8980',
    },
  },
  PILOT_DIRECTORY_TAKEN: {
    message: '{machine}: a worker of another server (process {pid}) runs in {directory}',
    todo: 'Stop it with `windrow stop NODES`, or give this one another directory with dir=.',
    status: 409,
    example: { machine: 'node1', pid: 4711, directory: '/home/ada/.cache/windrow/node1' },
  },
  PILOT_WORKER_ELSEWHERE: {
    message:
      '{machine}: its worker (process {pid}) is there already, but looks for the server at {found}, not at {url}, and cannot be told',
    todo: 'If `windrow workers` lists it, it works all the same; else stop it with `windrow stop NODES --now`, then start again.',
    status: 409,
    example: {
      machine: 'node1',
      pid: 4711,
      found: 'http://10.0.0.1:8980',
      url: 'http://10.0.0.1:8981',
    },
  },
  PILOT_SERVER_LOCAL: {
    message: 'the server listens at {url} only, where other machines cannot reach it',
    todo: 'Start it with --listen HOST:PORT, HOST being an address that the machines can reach.',
    status: 409,
    example: { url: 'http://127.0.0.1:8980' },
  },
  PILOT_STOP_FAILED: {
    message: '{machine}: the worker (process {pid}) does not end: {reason}',
    todo: 'Look at it there: ps -fp {pid}',
    status: 502,
    example: { machine: 'node1', pid: 4711, reason: 'it was killed and is still there' },
  },
  PILOT_EXECUTABLE_UNFIT: {
    message: 'the executable {file} does not run on this machine: {reason}',
    todo: 'see docs/guide/executable.md for what it needs',
    status: 500,
    example: {
      file: '/opt/windrow/windrow-0.2.0-linux-x64-f3a1c0d2e4b6',
      reason: 'error while loading shared libraries: libatomic.so.1',
    },
  },
});
