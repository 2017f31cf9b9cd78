/** base: clock, ids, errors, units, settings, log, lifetimes. Everything may use it; it uses nothing. */

export { allDone } from './all-done.ts';
export { baseErrors } from './base-errors.ts';
export { BoundedLogFile } from './bounded-log-file.ts';
export { type Clock, ManualClock, systemClock } from './clock.ts';
export { type DataValues, dataSettings } from './data-settings.ts';
export { DirectoryShelf, type ShelvedDirectory } from './directory-shelf.ts';
export {
  defineErrors,
  type ErrorEntry,
  type ErrorTable,
  type Facts,
  messageOf,
  systemCodeOf,
  systemReasonOf,
  WindrowError,
} from './errors.ts';
export { type FedDigest, type FollowedFile, HashThread } from './hash-thread.ts';
export { hostFolder } from './host-folder.ts';
export {
  formatIpNetwork,
  type IpNetwork,
  ipAddressAt,
  ipNetworksOverlap,
  parseIpNetwork,
  sizeOfIpNetwork,
} from './ip-network.ts';
export { Lifetime } from './lifetime.ts';
export {
  breakLock,
  type LockOwner,
  type LockResult,
  type LockState,
  readLock,
  takeLock,
} from './lock-file.ts';
export {
  type HolderLife,
  type HolderView,
  type LockHolder,
  lifeOfHolder,
  NOBODY,
  parseHolder,
} from './lock-holder.ts';
export { type Log, type LogOptions, openLog, withoutSecrets } from './log.ts';
export { loginName } from './login-name.ts';
export { makeDirectories } from './make-directories.ts';
export {
  EQUAL_SHARES,
  type SharingSettings,
  sharingOf,
  type WorkerPolicy,
} from './match-settings.ts';
export { parseMoment } from './moment.ts';
export { nearestWord } from './nearest.ts';
export { type NetworkValues, networkSettings } from './network-settings.ts';
export { isThisMachine } from './own-addresses.ts';
export {
  bootId,
  isAlive,
  lifeSeenFromHere,
  ownHolder,
  processRealm,
  startTimeOf,
} from './own-process.ts';
export { commandOf, executableName, PART_OPTION } from './own-script.ts';
export { pause } from './pause.ts';
export {
  CertificateRefused,
  ConnectTimeout,
  fingerprintOf,
  isCertificateFault,
  LEAST_TLS_VERSION,
  parsePin,
  pinnedAgent,
  refusalOf,
  type ServerAddress,
  withPin,
} from './pinned-tls.ts';
export { canonicalPlatform, knownPlatform } from './platform.ts';
export { removeScratch, removeTree } from './remove-tree.ts';
export { replaceFile } from './replace-file.ts';
export {
  type Address,
  environmentName,
  expectedOf,
  formatAddress,
  isLoopback,
  parseAddress,
  type Setting,
  type SettingTable,
  type Surroundings,
  type ValuesOf,
} from './settings.ts';
export {
  findSettingsFiles,
  namedSettingsFile,
  type Origin,
  readSettings,
  type Settings,
  type SettingsFile,
} from './settings-reader.ts';
export { insideSingleQuotes, plainShellWord, shellCommand, shellWord } from './shell-word.ts';
export { type StagingValues, stagingSettings } from './staging-settings.ts';
export { syncDirectory } from './sync-directory.ts';
export { printable, printableLines } from './terminal-text.ts';
export { type TrapSettings, trapSettings } from './trap-settings.ts';
export { formatBytes, formatDuration, parseBytes, parseDurationMs } from './units.ts';
export { type WallValues, wallSettings } from './wall-settings.ts';
export { readBoundedText, WatchedFile } from './watched-file.ts';
export { type WindrowSettings, windrowSettings } from './windrow-settings.ts';
