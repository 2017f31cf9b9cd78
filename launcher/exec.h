/* Becoming another program. Calls nothing of the C library (bare.h). */
#pragma once

/*
 * As execvpe(3), but with the PATH of `environment`, and without handing the file to a shell when it is
 * no executable format. Returns the errno to report.
 */
int exec_file(const char *file, char **argv, char **environment);
