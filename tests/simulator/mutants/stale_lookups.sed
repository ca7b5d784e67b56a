# libcommon/redis/connection.c: a look-up that was given up still connects
/^	drop_lookup(redis);/d
