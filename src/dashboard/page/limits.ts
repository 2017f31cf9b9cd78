/** How much is shown at once: a page of a million rows, or a cell of a megabyte, helps nobody. */
export const TEXT_SHOWN = 300;
export const JOBS_SHOWN = 50;
export const TASKS_SHOWN = 50;
export const LOG_LINES_SHOWN = 500;
export const TRACES_SHOWN = 1000;
export const TRAPS_SHOWN = 500;
export const FAILURES_SHOWN = 20;
export const WORKERS_SHOWN = 50;
/** Characters of a line. */
export const LOG_TEXT_SHOWN = 2000;
export const DATA_SHOWN = 100;
