import { defineErrors } from '#base';

export const dashboardErrors = defineErrors({
  PAGE_NOT_BUILT: {
    message: 'the web page was not built: {reason}',
    todo: 'Build it with `npm run build:bundle`; everything else of this server works without it.',
    status: 503,
    example: { reason: 'build/page: no such file or directory' },
  },
  PAGE_FILE_UNKNOWN: {
    message: 'the web page has no file {path}',
    todo: 'Load the page again: it may be that of another version.',
    status: 404,
    example: { path: '/assets/page-Q2XK7A3M.js' },
  },
});
