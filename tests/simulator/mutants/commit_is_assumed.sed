# libcommon/postgres/connection.c: a write ends before its transaction does
s/(postgres_call_shares(call) ? send_shared : send_alone)/(send_shared)/
