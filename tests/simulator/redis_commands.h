/* What the files of the fake Redis's commands share. */
#ifndef ABACUS_SIMULATOR_REDIS_COMMANDS_H
#define ABACUS_SIMULATOR_REDIS_COMMANDS_H

#include "redis_data.h"

bool command_find(const struct command *command, enum value_type type, struct value **ret_value, redisReply **ret_reply);
struct value *command_find_or_add(const struct command *command, struct value *value, enum value_type type);
bool command_word_is(const struct command *command, int i, const char *word); /* any case; false beyond the end */

/* redis_streams.c */
redisReply *command_xadd(const struct command *command);
redisReply *command_xdel(const struct command *command);
redisReply *command_xlen(const struct command *command);
redisReply *command_xrange(const struct command *command);
redisReply *command_xread(const struct command *command);
redisReply *command_xtrim(const struct command *command);
/* redis_groups.c */
redisReply *command_xack(const struct command *command);
redisReply *command_xreadgroup(const struct command *command);
redisReply *command_xpending(const struct command *command);
redisReply *command_xclaim(const struct command *command);
redisReply *command_xautoclaim(const struct command *command);
redisReply *command_xinfo(const struct command *command);
redisReply *command_xgroup(const struct command *command);

#endif
