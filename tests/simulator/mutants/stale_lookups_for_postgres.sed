# libcommon/postgres/connection.c: a look-up that took too long is not dropped, so that its late answer opens a second connection
/^	drop_lookup(connection);$/{N;/is_lost/s/.*/	connection->is_lost = true;/}
