DROP INDEX calculations_pending;
ALTER TABLE calculations
    DROP COLUMN state,
    DROP COLUMN digits,
    DROP COLUMN preview,
    DROP COLUMN duration_us,
    DROP COLUMN calculated_at,
    DROP COLUMN first_user_id;
