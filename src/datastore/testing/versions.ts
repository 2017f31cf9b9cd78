/** Versions of one file for tests, by what an origin says of them. */
import { bytesOf } from './origin.ts';

const LONG_AGO = 'Mon, 01 Jan 2024 00:00:00 GMT';
export const V1 = { bytes: bytesOf(200_000, 1), etag: '"one"' };
export const V2 = { bytes: bytesOf(210_000, 2), etag: '"two"' };
export const DATED = { bytes: bytesOf(200_000, 3), lastModified: LONG_AGO };
export const WEAK1 = { bytes: bytesOf(200_000, 1), etag: 'W/"one"' };
/** A weak tag may well be that of several versions: that is what makes it weak. */
export const WEAK2 = { bytes: bytesOf(200_000, 2), etag: 'W/"one"' };
export const BARE1 = { bytes: bytesOf(200_000, 1) };
export const BARE2 = { bytes: bytesOf(200_000, 2) };
