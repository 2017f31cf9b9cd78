/** pilots: workers onto machines. Now: this one. */
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
