DROP FUNCTION calculations_cancel(text[], bigint[]);
