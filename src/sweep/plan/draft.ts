import type { Command, JobSpec } from '#model';
import type { FindOrigin } from '../file/document.ts';
import type { SweepDocument } from '../file/schema.ts';
import type { TableFormat } from '../table/format.ts';
import type { Origin } from '../template/origin.ts';
import type { PlannedCluster } from './cluster.ts';

/** A factor of the parameters as it was written, its files not looked at yet. */
export type AxisDraft = { readonly origin: Origin } & (
  | {
      readonly kind: 'file';
      /** Absolute, or `-` for standard input. */
      readonly path: string;
      /** What messages call it. */
      readonly file: string;
      readonly format: TableFormat;
    }
  | {
      readonly kind: 'range';
      readonly column: string;
      readonly from: string;
      readonly to: string;
      readonly step: string | undefined;
    }
  | {
      readonly kind: 'values';
      readonly columns: readonly string[];
      readonly rows: readonly (readonly string[])[];
    }
);

/** Everything a plan is made from, whether it was written in a file or on the command line. */
export interface SweepDraft {
  readonly document: Omit<SweepDocument, 'command' | 'parameters'>;
  readonly findOrigin: FindOrigin;
  readonly command: Command;
  readonly axes: readonly AxisDraft[];
  /** Absolute; relative paths of the document start here, and `submit` attempts run here. */
  readonly base: string;
  readonly defaultName: string;
  readonly defaultDirectory: JobSpec['directory']['kind'];
  /** This machine's, for a program that is shipped without saying for which. */
  readonly platform: string;
  /** `$PATH`, to find the program that the command names. */
  readonly searchPath: string;
  readonly warnings: readonly string[];
}

/** What is sent to the server: the job, and the files it needs. */
export interface SweepPlan {
  /** Its file axes name `tables` by `local:<index>`. */
  readonly spec: JobSpec;
  readonly tables: readonly PlannedTable[];
  readonly blobs: readonly PlannedBlob[];
  /** Texts of input templates by digest, for `checkSpec`. */
  readonly templates: ReadonlyMap<string, string>;
  /** Where templates and names were written, for messages of `checkSpec`. */
  readonly findOrigin: FindOrigin;
  /** Null while a table (standard input) has not been read; then the caller runs `checkSpec`. */
  readonly columns: readonly string[] | null;
  readonly warnings: readonly string[];
  readonly cluster: PlannedCluster | null;
}

export interface PlannedTable {
  /** Absolute path; `-` is standard input. */
  readonly path: string;
  readonly file: string;
  readonly format: TableFormat;
}

export interface PlannedBlob {
  /** Absolute path. */
  readonly path: string;
  readonly sha256: string;
  readonly bytes: number;
  readonly executable: boolean;
}
