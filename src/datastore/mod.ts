/** datastore: files by key – fetched once, whole or not at all, verified, aged. */
export { type ContentPiece, type ContentSource, contentTransport } from './content-transport.ts';
export { parseSplit } from './disk/layout.ts';
export { datastoreErrors } from './errors.ts';
export { openFileTransport } from './file-transport.ts';
export {
  type CredentialPlaces,
  type Credentials,
  openCredentials,
  readPrivateFile,
} from './http/credentials.ts';
export { type HttpOptions, type HttpTimes, openHttpTransport } from './http/http-transport.ts';
export { type ProxyRules, proxyRules } from './http/proxies.ts';
export { openDatastore } from './open-datastore.ts';
export { describePlugin, type Plugin } from './plugins/describe.ts';
export { pluginErrors } from './plugins/errors.ts';
export { HOLD_CODES, type Outcome, type PluginTransfer } from './plugins/outcome.ts';
export { findPlugins, type Plugins, pluginEnvironment, schemeOf } from './plugins/plugins.ts';
export type { PluginProcessEnd, PluginProcessOptions, RunPluginProcess } from './plugins/port.ts';
export { runPlugin } from './plugins/run-plugin.ts';
export { pluginTransports } from './plugins/transport.ts';
export type { PluginWorld } from './plugins/world.ts';
export type {
  Aged,
  AgeWish,
  Datastore,
  DatastoreOptions,
  EnsureRequest,
  EntryView,
  FetchLimits,
  Held,
  KeyMode,
  ListedEntry,
  Listing,
  ListQuery,
  Progress,
  PutRequest,
  Snapshot,
  SnapshotQuery,
  SortColumn,
  StoreCounts,
  StoreEvent,
  StoreLimits,
  Usage,
  Verdict,
  Verified,
  VerifyWish,
  Way,
} from './port.ts';
export {
  type Brought,
  type Digests,
  type FailureKind,
  type FileOrder,
  type FileTransport,
  type Login,
  type Opened,
  type StreamOrder,
  type StreamTransport,
  TransferFailure,
  type Transport,
  type Validators,
} from './transport.ts';
export { USUAL_FETCHING, USUAL_LIMITS } from './usual-limits.ts';
