export function cacheDirectory(): string | null;
