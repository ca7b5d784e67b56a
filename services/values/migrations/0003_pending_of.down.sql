DROP FUNCTION pending_of(bigint, bigint);
