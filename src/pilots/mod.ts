/** pilots: workers onto machines. This one, and others over ssh. */
export { pilotErrors } from './errors.ts';
export {
  type Encoding,
  type Executable,
  type ExecutablesOptions,
  executablesIn,
  type FindExecutable,
} from './executables.ts';
export {
  type Holder,
  type LocalWorker,
  type LocalWorkerOptions,
  startLocalWorker,
  unexpectedEnd,
  type WorkerEnd,
} from './local.ts';
export { type StartReport, writeStartReport } from './start-report.ts';
