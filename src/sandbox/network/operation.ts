/** What is done for the network of an attempt. */
export type NetworkOperation = {
  readonly part: 'network';
  readonly do: 'make-namespace';
  /** Begins with the ground's tag. */
  readonly name: string;
};
