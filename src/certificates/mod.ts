/** certificates: the site's own authority, and what its server shows to others. */
export { certificateErrors } from './errors.ts';
export {
  filesIn,
  initTls,
  readTls,
  renewTls,
  type ServerTls,
  type TlsFiles,
} from './files.ts';
export { type Issued, issueAuthority, issueServer } from './issue.ts';
