/** What is done for the networks of attempts. */
export type NetworkOperation =
  /**
   * For the worker as a whole: its table in the firewall and networks that are made ahead. They are
   * made with the first attempt that needs one, and undone with all that is left of them.
   */
  | {
      readonly part: 'network';
      readonly do: 'serve';
      /** Namespaces, devices and chains have it in their names. */
      readonly tag: string;
    }
  /** A network of its own for an attempt: counted, and joined to the outside by the script. */
  | {
      readonly part: 'network';
      readonly do: 'connect';
      /** Names the namespace that the program enters: `/run/netns/NAME`. Begins with the tag. */
      readonly name: string;
      readonly attempt: string;
      readonly account: string;
      readonly setUpScript: string;
      readonly tearDownScript: string;
    };
