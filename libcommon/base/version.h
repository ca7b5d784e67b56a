/* Which build this is: --version, build_info and the User-Agent. */
#ifndef ABACUS_BASE_VERSION_H
#define ABACUS_BASE_VERSION_H

extern const char version_number[];   /* "0.1.0" */
extern const char version_revision[]; /* first 8 characters of the commit */

#endif
