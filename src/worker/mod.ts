/** worker: the agent. Takes attempts, runs them as a pipeline of steps, reports their ends. */

export { type AgentIdentity, WorkerAgent } from './agent.ts';
export { type RunWorkerOptions, runWorker } from './command.ts';
export { bytesBelow, watchDisk } from './disk-watch.ts';
export { type EndpointSource, endpointFrom, readSessionLine } from './endpoint.ts';
export type { ErrandEnd, RunErrand } from './errands.ts';
export { workerErrors } from './errors.ts';
export { MemoryWatch } from './memory-watch.ts';
export { type OpenPeerDoor, openPeerDoor } from './peers/peer-door.ts';
export type { AgentLog, AgentOptions, Endpoint, RunJobPlugin, ServerLink } from './port.ts';
export { sessionTag } from './session-tag.ts';
export { Successor, type SuccessorOptions } from './successor.ts';
export {
  handedPathOf,
  lockPathOf,
  takeDirectory,
  type WorkerDirectory,
} from './worker-directory.ts';
