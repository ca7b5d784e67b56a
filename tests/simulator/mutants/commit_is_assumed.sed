# libcommon/postgres/connection.c: a write ends before its transaction does
s/(call->statement->only_reads ? send_shared : send_alone)/(send_shared)/
