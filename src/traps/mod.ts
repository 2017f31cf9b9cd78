/** traps: the collector, its sources, its XML-RPC and HTTP face, and those who watch it. */
export { Collector, type CollectorOptions } from './collector/collector.ts';
export { trapsErrors } from './errors.ts';
export { Access, type AccessRules } from './http/access.ts';
export { TrapFace } from './http/face.ts';
export { JsonDesk } from './http/json-desk.ts';
export { type BoundHttp, bindHttp } from './http/listen.ts';
export { Keeping, type TrapHistory } from './keeping.ts';
export { type NodeReport, type TrapReport, trapReport } from './report.ts';
export { XmlRpcDesk } from './xmlrpc/desk.ts';
export { trapMethods } from './xmlrpc/trap-methods.ts';
