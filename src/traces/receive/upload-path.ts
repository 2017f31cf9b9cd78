/** Where resumable uploads begin. */
export const UPLOADS_PATH = '/traces/uploads';
/** The header of the last answer with the name under which the file was stored. */
export const STORED_AS_HEADER = 'Trace-Stored-As';
