import type { IpNetwork } from '#base';

/** What the administrator of a machine says about the networks of attempts. */
export interface NetworkSettings {
  /** The site's own: traffic with them is counted as internal. */
  readonly internal: readonly IpNetwork[];
  /** Traffic with these, as far as they are not internal, is counted as external. */
  readonly external: readonly IpNetwork[];
  /** Refused, even if they are internal or external. */
  readonly forbidden: readonly IpNetwork[];
  /** Where the addresses of attempts are taken from; at least 2048 each. */
  readonly inner4: IpNetwork;
  readonly inner6: IpNetwork;
  /** Name servers that attempts ask; `[]`: those of the machine. */
  readonly resolvers: readonly string[];
  /** Connections of one attempt that the machine keeps track of at a time; 0: no limit. */
  readonly mostConnections: number;
  /** Absolute paths of the site's own scripts; `''`: those that come with Windrow. */
  readonly setUpScript: string;
  readonly tearDownScript: string;
  readonly scriptMs: number;
  /**
   * Networks that are made before an attempt asks for one. With 0 the script learns which attempt
   * it is for.
   */
  readonly prepared: number;
}
