-- outside a transaction, because otherwise submissions would wait until these are made

-- Whether a user has asked for a calculation; and a user's submissions by index.
DROP INDEX CONCURRENTLY IF EXISTS values_of_user;
CREATE INDEX CONCURRENTLY values_of_user ON "values" (user_id, kind, index, id) WHERE user_id IS NOT NULL;
-- Whether any submission waits for a calculation.
DROP INDEX CONCURRENTLY IF EXISTS values_of_calculation;
CREATE INDEX CONCURRENTLY values_of_calculation ON "values" (kind, index);
DROP INDEX CONCURRENTLY IF EXISTS calculations_failed;
CREATE INDEX CONCURRENTLY calculations_failed ON calculations (kind, index) WHERE state = 'failed';
