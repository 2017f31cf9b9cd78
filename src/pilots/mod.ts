/** pilots: workers onto machines. This one, and others over ssh. */
export { pilotErrors } from './errors.ts';
export { type Executable, executablesIn, type FindExecutable } from './executables.ts';
export {
  type Holder,
  type LocalWorker,
  type LocalWorkerOptions,
  startLocalWorker,
  unexpectedEnd,
  type WorkerEnd,
} from './local.ts';
export { type Machine, type NodeLine, parseNodeFile, readMachines } from './node-file.ts';
export { urlsForMachines } from './server-address.ts';
export type { Crowd, MachineResult } from './ssh/each-machine.ts';
export type { Executed } from './ssh/exec-on.ts';
export { execMachines, runWindrow, startMachines, stopMachines } from './ssh/machines.ts';
export type { Started, StartPlan } from './ssh/start-machine.ts';
export type { StopPlan, Stopped } from './ssh/stop-machine.ts';
export { type StartReport, writeStartReport } from './start-report.ts';
export { tryExecutable } from './try-executable.ts';
