-- Whether a user has asked for a calculation.
CREATE INDEX values_of_user ON "values" (user_id, kind, index, id) WHERE user_id IS NOT NULL;
-- Whether any submission waits for a calculation.
CREATE INDEX values_of_calculation ON "values" (kind, index);
CREATE INDEX calculations_failed ON calculations (kind, index) WHERE state = 'failed';

-- Deletes those pending calculations of which no submission is left, and returns them. A submission of a calculation that is pending
-- locks its row, so it is either seen here or finds the row gone and inserts it again: the second query sees what was committed while the
-- first one waited, because each query of a volatile function does. In order, so that two of these wait for each other and never deadlock.
CREATE FUNCTION calculations_cancel(kinds text[], indexes bigint[]) RETURNS TABLE (cancelled_kind text, cancelled_index bigint)
LANGUAGE plpgsql VOLATILE STRICT AS $$
BEGIN
    PERFORM FROM calculations, (SELECT DISTINCT kind, index FROM unnest(kinds, indexes) AS left_by (kind, index)) AS left_by
        WHERE calculations.kind = left_by.kind AND calculations.index = left_by.index AND state = 'pending'
        ORDER BY calculations.kind, calculations.index FOR UPDATE OF calculations;
    RETURN QUERY DELETE FROM calculations USING (SELECT DISTINCT kind, index FROM unnest(kinds, indexes) AS left_by (kind, index)) AS left_by
        WHERE calculations.kind = left_by.kind AND calculations.index = left_by.index AND state = 'pending'
        AND NOT EXISTS (SELECT FROM "values" WHERE "values".kind = calculations.kind AND "values".index = calculations.index)
        RETURNING calculations.kind, calculations.index;
END
$$;
