/** sandbox: starting programs and long-lived user code, and ending all they leave behind. */
export { sandboxErrors } from './errors.ts';
export { findLauncher, openStarter } from './open-starter.ts';
export type { ProgramEnd, RunningProgram, Starter, StartFailure, StartRequest } from './port.ts';
