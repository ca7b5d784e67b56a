# libcommon/auth/revocations_table.c: users counts the followers of a table that has just begun as all
s/return table->is_settled && !revocations_table_behind(table, position);/return !revocations_table_behind(table, position);/
