/** Where resumable uploads begin. */
export const UPLOADS_PATH = '/traces/uploads';
