/**
 * Numbers in [0, 1) from a seed, the same each time: SplitMix64 (Steele, Lea, Flood, "Fast
 * splittable pseudorandom number generators", 2014). The seed's first eight bytes count.
 */
export function seededRandom(seed: Buffer): () => number {
  let state = seed.readBigUInt64LE(0);
  return () => {
    state = BigInt.asUintN(64, state + 0x9e3779b97f4a7c15n);
    let mixed = BigInt.asUintN(64, (state ^ (state >> 30n)) * 0xbf58476d1ce4e5b9n);
    mixed = BigInt.asUintN(64, (mixed ^ (mixed >> 27n)) * 0x94d049bb133111ebn);
    return Number((mixed ^ (mixed >> 31n)) >> 11n) / 2 ** 53;
  };
}
