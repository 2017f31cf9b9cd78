/** server: the one writer of truth. */
export type { Core, Job, Worker } from './core.ts';
export { serverErrors } from './errors.ts';
export type { Fault, FaultNews } from './faults.ts';
export type { ServerTls } from './http/assemble.ts';
export { type Layout, layoutOf } from './layout.ts';
export { openErrors } from './open/errors.ts';
export { Server } from './server.ts';
export type { ServerOptions } from './server-options.ts';
