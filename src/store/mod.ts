/** store: durable memory. One contract, one suite, SQLite behind it. */
export type {
  AttemptRow,
  Change,
  CollectedRow,
  Glimpse,
  GlimpseField,
  Store,
  StoredEvent,
  StoredGrant,
  StoredJob,
  StoredShare,
  StoredTable,
  StoredWorker,
  TaskNote,
  TaskRuling,
  WorkerOrder,
} from './contract.ts';
export { storeErrors } from './errors.ts';
export { SqliteStore } from './sqlite/store.ts';
export { SqliteTrapHistory } from './sqlite/trap-history.ts';
