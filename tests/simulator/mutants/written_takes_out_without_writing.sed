# services/values/writer.c: what Postgres refused is taken out of Redis
s/return repeat(batch, write_batch);/return take_out(batch);/
