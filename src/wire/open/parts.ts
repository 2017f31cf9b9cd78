/** Where the contents that arrive in the open protocol go, one after the other, as chunks. */
export interface PartHead {
  /** Name of the result, or path of the input. */
  readonly name: string;
  /** Name of the file it came from on the other side, or `''`. */
  readonly file: string;
  /** As announced, or null. */
  readonly bytes: number | null;
}

/** `begin`, any number of `write`, `end`, and again; a refusal is thrown. */
export interface PartSink {
  begin(head: PartHead): Promise<void> | void;
  /** The chunk is the callee's to keep. */
  write(chunk: Buffer): Promise<void> | void;
  end(): Promise<void> | void;
}
