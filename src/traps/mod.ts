/** traps: the collector, its sources, its XML-RPC and HTTP face, and those who watch it. */
export { CollectorClient, collectorUrl } from './client/collector-client.ts';
export { conditionOf, type MergedTrap, mergeTraps } from './client/merged-view.ts';
export type { CollectorView, Taken } from './client/view-schema.ts';
export { type WatchedCollector, watchCollectors } from './client/watching.ts';
export { fitsPattern } from './collector/pattern.ts';
export { trapsErrors } from './errors.ts';
export { SILENCE_LEAST_MS, SILENCE_MOST_MS } from './http/changes.ts';
export { HISTORY_TOLD_MOST } from './http/json-desk.ts';
export { type BoundHttp, bindHttp } from './http/listen.ts';
export type { TrapHistory } from './keeping.ts';
export { type NodeReport, type TrapReport, trapReport } from './report.ts';
export { TrapService, type TrapServiceOptions } from './service.ts';
export { Malformed, readTrap } from './sources/json-report.ts';
export { SEVERITIES } from './sources/syslog/message.ts';
export { bindTcp } from './sources/syslog/tcp.ts';
export { bindUdp } from './sources/syslog/udp.ts';
