import type { CommandAction, CommandSpec } from '../command.ts';

export const chirp = {
  name: 'chirp',
  summary: 'From inside a task: set attributes of its ad, reach its files by way of the worker.',
  arguments: [
    { usage: '<verb>', doc: 'set_job_attr, get_job_attr, ulog, fetch, put, remove and others.' },
    { usage: '[word...]', doc: 'What the verb takes.' },
  ],
  options: {
    perm: { kind: 'text', flags: '--perm <mode>', doc: 'Mode of a file that is put, octal (644).' },
    recursive: { kind: 'flag', flags: '-r, --recursive', doc: 'rmdir: with all that is in it.' },
    long: { kind: 'flag', flags: '-l, --long', doc: 'getdir: with what stat tells of each.' },
  },
  details: [
    'Verbs: set_job_attr NAME EXPRESSION; get_job_attr NAME; set_job_attr_delayed NAME EXPRESSION and ' +
      'get_job_attr_delayed NAME, for names that begin with Chirp; ulog TEXT; fetch REMOTE LOCAL; ' +
      'put LOCAL REMOTE; remove, rmdir, getdir, stat, lstat, statfs, readlink, access, chmod, ' +
      'truncate, utime; whoami.',
    'It needs a job that asked for it: want_io_proxy in a submit description, or chirp = "io" in a ' +
      'sweep file; attributes that begin with Chirp also chirp = "delayed", which submit ' +
      'descriptions have by themselves.',
  ],
  examples: [
    { line: 'windrow chirp set_job_attr payload_user \'"cms"\'', does: 'a text, in its quotes' },
    { line: 'windrow chirp set_job_attr_delayed ChirpDone 0.5', does: 'told within seconds' },
  ],
  load: async (): Promise<CommandAction> => (await import('../commands/chirp.ts')).chirp,
} as const satisfies CommandSpec;
