/** cli: the command line. Reads it, asks the server, prints tables and JSON. */
export { type CommandSpec, exitCodesOf, RUN_INTERRUPTED_EXIT } from './command.ts';
export { type DescribedOption, describedOptions } from './described-option.ts';
export { cliErrors } from './errors.ts';
export {
  reachOf,
  readServerFile,
  readToken,
  SERVER_FILE,
  type ServerFile,
  TOKEN_FILE,
} from './find-server.ts';
export { FOLLOWED, followJob } from './follow.ts';
export { newsJson, processes, startedText, tellMachine } from './machine-news.ts';
export type {
  MachineExecuted,
  MachineStarted,
  MachineStopped,
  Machines,
  MachineWish,
  StartWish,
} from './machines-port.ts';
export { runCli } from './main.ts';
export { Output, OutputGone } from './output.ts';
export type {
  AxisText,
  Certificates,
  CollectTracesOptions,
  Composition,
  DataOptions,
  FilePlan,
  LogChoice,
  NamedErrors,
  OpenedServer,
  ProcessNotice,
  ProcwatchOptions,
  RunOptions,
  ServeOptions,
  TlsWish,
  TraceSource,
  TraceStoreOptions,
  TrapsServeOptions,
  WorkerOptions,
} from './port.ts';
export { codedError, errorText } from './report-error.ts';
export type {
  Sandbox,
  SandboxEnd,
  SandboxPlan,
  SandboxWish,
  WallsFound,
} from './sandbox-port.ts';
export { type PlannedSweep, runSweep, type SubmitWish, sendParts } from './submit.ts';
export { COMMANDS } from './table.ts';
export type { World } from './world.ts';
