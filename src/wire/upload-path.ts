/** Where resumable uploads of programs and inputs begin, by the tus protocol. */
export const UPLOADS_PATH = '/v1/uploads';
/** The header of the last answer, with the digest of the blob. */
export const BLOB_STORED_HEADER = 'Blob-Stored';
