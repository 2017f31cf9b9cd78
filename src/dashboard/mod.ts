/** dashboard: the web page, and what serves its files. It speaks only the HTTP API. */
export { dashboardErrors } from './errors.ts';
export { PageFace } from './page-face.ts';
