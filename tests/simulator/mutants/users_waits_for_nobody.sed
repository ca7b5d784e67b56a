# libcommon/auth/revocations_table.c: users answers without the followers' confirmations
s/return table->is_settled && !revocations_table_behind(table, position);/return table->is_settled;/
