/** The ad of an entry of the datastore. Sizes are in bytes: HTCondor has no attributes for these. */
import { type Ad, adOfThing, attributeTable } from '#classad';
import { epochSeconds } from './quantities.ts';

export interface DatasetFacts {
  readonly key: string;
  /** Who put it there; `''`: not said. */
  readonly owner: string;
  readonly bytes: number;
  readonly storedAtMs: number;
  readonly lastAccessMs: number;
  readonly pinned: boolean;
}

const TABLE = attributeTable<DatasetFacts>({
  MyType: () => 'Dataset',
  Key: ({ key }) => key,
  Scheme: ({ key }) => /^([a-z][a-z0-9+.-]*):/i.exec(key)?.[1]?.toLowerCase(),
  Host: ({ key }) => URL.parse(key)?.hostname || undefined,
  Owner: ({ owner }) => owner || undefined,
  Bytes: ({ bytes }) => bytes,
  StoredDate: ({ storedAtMs }) => epochSeconds(storedAtMs),
  LastAccess: ({ lastAccessMs }) => epochSeconds(lastAccessMs),
  Pinned: ({ pinned }) => pinned,
});

export function datasetAd(dataset: DatasetFacts): Ad {
  return adOfThing(TABLE, dataset);
}
