# libcommon/redis/connection.c: a lost connection is freed by hiredis and by us
/^	forget_doomed(redis, context);/d
