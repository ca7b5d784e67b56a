-- Deletes those pending calculations of which no submission is left, and returns them. One of these at a time, until its transaction ends,
-- because two that take back the last two submissions of a calculation at once would each see the other's. It waits for nothing else while
-- it holds rows, so it is part of no deadlock: what is locked is skipped, because then a statement stores another submission of it, or its
-- result (if that statement fails, it is calculated needlessly). A submission of what is pending locks its row. Either it comes first, and
-- is skipped or seen here, or it finds the row gone and inserts it again: the last query sees what was committed before the rows were locked, because each query of a volatile function does.
CREATE FUNCTION calculations_cancel(kinds text[], indexes bigint[]) RETURNS TABLE (cancelled_kind text, cancelled_index bigint)
LANGUAGE plpgsql VOLATILE STRICT AS $$
DECLARE
    locked_kinds text[];
    locked_indexes bigint[];
BEGIN
    IF NOT EXISTS (SELECT FROM calculations, unnest(kinds, indexes) AS left_by (kind, index)
        WHERE calculations.kind = left_by.kind AND calculations.index = left_by.index AND state = 'pending') THEN
        RETURN;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtextextended('cancel', 0));
    SELECT array_agg(kind), array_agg(index) INTO locked_kinds, locked_indexes FROM (
        SELECT calculations.kind, calculations.index
        FROM calculations, (SELECT DISTINCT kind, index FROM unnest(kinds, indexes) AS left_by (kind, index)) AS left_by
        WHERE calculations.kind = left_by.kind AND calculations.index = left_by.index AND state = 'pending'
        FOR UPDATE OF calculations SKIP LOCKED) AS locked;
    RETURN QUERY DELETE FROM calculations USING unnest(locked_kinds, locked_indexes) AS locked (kind, index)
        WHERE calculations.kind = locked.kind AND calculations.index = locked.index AND state = 'pending'
        AND NOT EXISTS (SELECT FROM "values" WHERE "values".kind = calculations.kind AND "values".index = calculations.index)
        RETURNING calculations.kind, calculations.index;
END
$$;
