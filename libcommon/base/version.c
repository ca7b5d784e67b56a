#include "base/version.h"

#ifndef ABACUS_VERSION
#define ABACUS_VERSION "unknown"
#define ABACUS_REVISION "unknown"
#endif

const char version_number[] = ABACUS_VERSION;
const char version_revision[] = ABACUS_REVISION;
