/* Messages as files, for development: FOLDER/TIME-ID.eml, of which the newest FILE_BOX_MAX are kept. A reader of the folder
 * sees the whole of a message or none. Blocks for as long as the disk takes. */
#ifndef ABACUS_MAILER_FILE_BOX_H
#define ABACUS_MAILER_FILE_BOX_H

#include "base/status.h"

#define FILE_BOX_MAX 200

/* INTERNAL, logged: it could not be written. */
enum status file_box_write(const char *folder, const char *id, const char *message) MUST_CHECK;

#endif
