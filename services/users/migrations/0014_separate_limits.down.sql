CREATE INDEX events_user_id ON events (user_id, class, id);
DROP INDEX events_kind;
CREATE OR REPLACE FUNCTION events_limit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM events WHERE id IN (SELECT id FROM events WHERE id IN (SELECT id FROM events WHERE user_id = NEW.user_id AND class = NEW.class
        ORDER BY id DESC OFFSET 500) FOR UPDATE SKIP LOCKED);
    RETURN NULL;
END
$$;
ALTER TABLE factor_settings DROP COLUMN confirmation_tries, DROP COLUMN confirmation_tries_since;
