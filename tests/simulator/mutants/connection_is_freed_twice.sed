# libcommon/redis/connection.c: a connection that was lost is freed again with the next loss
/^	redis->link = NULL;$/d
