/** The commands of submit descriptions: which Windrow takes, and why not the others. */

import { RETRY_REQUESTS } from './retry-requests.ts';

/** Accepted only with a value that matches, in the words of `reason` otherwise. */
interface Only {
  readonly only: RegExp;
  readonly reason: string;
}

/** What it asks for is so anyhow, whatever its value; told as a warning. */
interface Needless {
  readonly needless: string;
}

export type CommandRule = 'works' | Only | Needless | { readonly refused: string };

const NO = /^(no|false|f|n|0|never)?$/i;
const YES = /^(yes|true|t|y|1)?$/i;
const GRID = { refused: 'Windrow gives jobs to its own workers, not to other batch systems' };
const MACHINE = { refused: 'virtual machines are not started from submit descriptions' };
const CONTAINER = {
  refused:
    'containers are not started; a sweep file can ask for a root that machines offer ([isolation] root, docs/guide/isolation.md)',
};
const CHECKPOINT = { refused: 'checkpoints are not kept; an attempt that is lost begins anew' };
const CRON = { refused: 'tasks do not wait for a time of day' };
const CREDENTIAL = { refused: 'credentials are not handed on to jobs' };
const STREAM: Only = {
  only: NO,
  reason: 'output comes when the task has ended; while it runs it cannot be followed in a file',
};

/** Each with `_reason` and `_subcode` beside it. */
export const POLICY_COMMANDS: readonly string[] = [
  ...['periodic_hold', 'periodic_release', 'periodic_remove', 'periodic_vacate'],
  ...['on_exit_hold', 'on_exit_remove'],
];

export const COMMANDS: Readonly<Record<string, CommandRule>> = {
  ...works(
    'executable arguments environment getenv shell initialdir batch_name input output error',
    'request_cpus request_memory request_disk request_gpus requirements rank',
    'concurrency_limits accounting_group priority log',
    'should_transfer_files when_to_transfer_output transfer_input_files transfer_output_files',
    'transfer_output_remaps transfer_executable transfer_input transfer_output transfer_error',
    'preserve_relative_paths want_io_proxy max_retries success_exit_code retry_until',
    'allowed_job_duration allowed_execute_duration transfer_plugins',
    ...POLICY_COMMANDS.flatMap((name) => [name, `${name}_reason`, `${name}_subcode`]),
    ...RETRY_REQUESTS,
  ),
  universe: {
    only: /^(vanilla|5)$/i,
    reason: 'programs run in the universe "vanilla" only',
  },
  notification: {
    only: NO,
    reason: 'rules of the server send mail (docs/guide/rules.md); "windrow wait" tells of an end',
  },
  accounting_group_user: {
    refused: 'use counts for the account that submits (owner), within its accounting_group',
  },
  notify_user: { refused: 'rules of the server say who gets mail (docs/guide/rules.md)' },
  stream_input: STREAM,
  stream_output: STREAM,
  stream_error: STREAM,
  nice_user: { only: NO, reason: 'a negative priority lets other jobs go first' },
  leave_in_queue: { needless: 'ended jobs stay known anyhow, until "windrow rm"' },
  max_idle: { needless: 'tasks that wait cost a byte each: all of them are queued at once' },
  materialize_max_idle: { needless: 'tasks that wait cost a byte each: all are queued at once' },
  hold: { only: NO, reason: 'submit it and say "windrow pause"' },
  run_as_owner: {
    only: YES,
    reason: 'under which account attempts run is a matter of the machine (docs/guide/isolation.md)',
  },
  noop_job: { only: NO, reason: 'a job that does nothing is not made' },
  skip_if_dataflow: {
    only: NO,
    reason: 'what was done before is found out by content: "windrow run" goes on where it stopped',
  },
  want_graceful_removal: {
    only: YES,
    reason: 'programs are always asked to end (TERM) before they are killed',
  },
  kill_sig: { only: /^(SIG)?TERM$|^15$/i, reason: 'programs are asked to end with TERM' },
  remove_kill_sig: { only: /^(SIG)?TERM$|^15$/i, reason: 'programs are asked to end with TERM' },
  hold_kill_sig: { only: /^(SIG)?TERM$|^15$/i, reason: 'programs are asked to end with TERM' },
  job_lease_duration: {
    refused: 'how long a worker may be silent is a setting of the server (lease)',
  },
  allow_startup_script: { refused: 'a program without "#!" is run by saying shell = …' },
  copy_to_spool: { only: /^(no|false|yes|true)?$/i, reason: 'expected true or false' },
  ...refused(GRID, 'grid_resource', 'grid_type', 'batch_queue', 'ec2_ami_id', 'arc_resources'),
  ...refused(
    MACHINE,
    ...['vm_type', 'vm_memory', 'vm_vcpus', 'vm_disk', 'vm_networking', 'vm_networking_type'],
    ...['vm_macaddr', 'vm_checkpoint', 'vm_no_output_vm', 'kvm_disk', 'xen_kernel'],
  ),
  ...refused(
    CONTAINER,
    ...['container_image', 'docker_image', 'container_target_dir', 'docker_network_type'],
    ...['container_service_names', 'docker_pull_policy', 'docker_override_entrypoint'],
  ),
  ...refused(
    CHECKPOINT,
    ...['checkpoint_exit_code', 'checkpoint_destination', 'transfer_checkpoint_files'],
  ),
  ...refused(
    CRON,
    ...['cron_minute', 'cron_hour', 'cron_day_of_month', 'cron_month', 'cron_day_of_week'],
    ...['cron_prep_time', 'cron_window', 'deferral_time', 'deferral_window', 'deferral_prep_time'],
  ),
  max_materialize: {
    refused:
      'all tasks of a job are queued at once; a limit of the server, with concurrency_limits, says how many run',
  },
  ...refused(
    CREDENTIAL,
    ...['use_x509userproxy', 'x509userproxy', 'use_oauth_services', 'use_scitokens'],
    ...['send_credential', 'delegate_job_gsi_credentials_lifetime', 'myproxy_host'],
  ),
  output_destination: {
    refused: 'results go to the server, and from there to the submit directory',
  },
  require_gpus: { refused: 'GPUs are asked for by number (request_gpus)' },
  gpus_minimum_memory: { refused: 'GPUs are asked for by number (request_gpus)' },
  gpus_minimum_capability: { refused: 'GPUs are asked for by number (request_gpus)' },
  machine_count: { refused: 'a task runs on one machine' },
  node_count: { refused: 'a task runs on one machine' },
  jar_files: { refused: 'there is no universe "java"; name java as the executable' },
  java_vm_args: { refused: 'there is no universe "java"; name java as the executable' },
  log_xml: {
    only: NO,
    reason: 'the event log is text, or JSON by the name of a sweep file (log-format)',
  },
  job_max_vacate_time: {
    refused: 'the time between TERM and KILL is 5 s; a sweep file sets it (kill-grace)',
  },
  job_ad_information_attrs: { refused: 'events do not carry attributes' },
  submit_event_notes: { refused: 'events do not carry notes' },
  want_job_networking: {
    refused: 'a sweep file says which network a job has ([isolation] network)',
  },
  primary_unix_group: { refused: 'accounts of attempts are a matter of the machine' },
  append_files: { refused: 'files are written whole' },
  dagman_log: { refused: 'there are no DAGs' },
};

/** Other names of commands, by what they stand for. */
const ALIASES: Readonly<Record<string, string>> = {
  args: 'arguments',
  env: 'environment',
  initial_dir: 'initialdir',
  job_iwd: 'initialdir',
  stdin: 'input',
  stdout: 'output',
  stderr: 'error',
  prio: 'priority',
  jobbatchname: 'batch_name',
  jobprio: 'priority',
  leavejobinqueue: 'leave_in_queue',
  jobuniverse: 'universe',
  jobmaxretries: 'max_retries',
  jobsuccessexitcode: 'success_exit_code',
  // Names of attributes mean the commands that make them.
  ...squeezed(
    ...['transfer_executable', 'transfer_input_files', 'transfer_output_files'],
    ...['transfer_output_remaps', 'should_transfer_files', 'when_to_transfer_output'],
    ...['request_cpus', 'request_memory', 'request_disk', 'request_gpus', 'concurrency_limits'],
    ...['allowed_job_duration', 'allowed_execute_duration', 'nice_user'],
    ...['job_lease_duration', 'kill_sig', 'remove_kill_sig', 'notify_user', 'want_io_proxy'],
    ...POLICY_COMMANDS.flatMap((name) => [name, `${name}_reason`, `${name}_subcode`]),
  ),
};

function squeezed(...names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name.replaceAll('_', ''), name]));
}

/** The command that a lower-case name means, or undefined: then it is a macro of the user's own. */
export function commandOf(name: string): string | undefined {
  const known = ALIASES[name] ?? name;
  if (Object.hasOwn(COMMANDS, known)) return known;
  return /^request_\w+$/.test(known) ? known : undefined;
}

/** Why this value of the command is refused; null: it is taken. */
export function refusalOf(command: string, value: string): string | null {
  const rule = COMMANDS[command];
  if (rule === undefined) return 'machines offer cpus, memory, disk and gpus only';
  if (rule === 'works') return null;
  if ('needless' in rule) return null;
  if ('refused' in rule) return rule.refused;
  return rule.only.test(value.trim()) ? null : rule.reason;
}

/** Why this command need not be said; null: it need. */
export function needlessReasonOf(command: string): string | null {
  const rule = COMMANDS[command];
  return typeof rule === 'object' && 'needless' in rule ? rule.needless : null;
}

function works(...lists: readonly string[]): Record<string, CommandRule> {
  const names = lists.flatMap((list) => list.split(' '));
  return Object.fromEntries(names.map((name) => [name, 'works']));
}

function refused(rule: CommandRule, ...names: readonly string[]): Record<string, CommandRule> {
  return Object.fromEntries(names.map((name) => [name, rule]));
}
