-- The state and the summary of each calculation (docs/decisions/0016-postgres-keeps-what-is-known.md). What the version before
-- inserts is pending, of no user; so is what it has calculated, until refill finds its results in Redis.
ALTER TABLE calculations
    ADD COLUMN state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'done', 'failed')),
    ADD COLUMN digits bigint,
    ADD COLUMN preview text,
    ADD COLUMN duration_us bigint,
    ADD COLUMN calculated_at timestamptz,
    ADD COLUMN first_user_id bigint NOT NULL DEFAULT 0; -- 0: anonymous, or not known

-- The backlog: what refill reads, and costs nothing for what is done.
CREATE INDEX calculations_pending ON calculations (first_user_id, first_submitted_at, kind, index) WHERE state = 'pending';
