-- How many pending calculations a user has caused, counted up to `most`. A user with little room is counted again behind a lock, which
-- lasts until the end of the transaction: so of two statements at once, the second counts what the first has committed (the queries of a
-- volatile function see that), and the limit holds over all processes. Room is little when statements that run at once could fill it: one
-- stores at most 256 submissions, and twenty may run. Others wait for no lock, and neither does a user at the limit, who would else have
-- everything counted twice by asking for more and more.
CREATE FUNCTION pending_of(owner bigint, most bigint) RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$
DECLARE
    pending bigint;
BEGIN
    SELECT count(*) INTO pending FROM (
        SELECT FROM calculations WHERE state = 'pending' AND first_user_id = owner LIMIT most) AS counted;
    IF most - pending > 20 * 256 OR pending >= most THEN
        RETURN pending;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('pending ' || owner, 0));
    SELECT count(*) INTO pending FROM (
        SELECT FROM calculations WHERE state = 'pending' AND first_user_id = owner LIMIT most) AS counted;
    RETURN pending;
END
$$;
