-- What a client can cause in any number uses up no limit that protects something else.

-- Codes that were tried to confirm an action are counted apart from those of logins, because a token alone begins a confirmation.
ALTER TABLE factor_settings
    ADD COLUMN confirmation_tries integer NOT NULL DEFAULT 0,
    ADD COLUMN confirmation_tries_since timestamptz NOT NULL DEFAULT now();

-- A user has at most 200 events of each kind: a further one removes the oldest of its kind. It was 500 of each class, so that a client which renamed
-- a user 500 times removed every other change. The class counts as a part of the kind, because sessions_ended is of two.
CREATE INDEX events_kind ON events (user_id, class, event, id);
DROP INDEX events_user_id;
CREATE OR REPLACE FUNCTION events_limit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM events WHERE id IN (SELECT id FROM events WHERE id IN (SELECT id FROM events WHERE user_id = NEW.user_id AND class = NEW.class
        AND event = NEW.event ORDER BY id DESC OFFSET 200) FOR UPDATE SKIP LOCKED);
    RETURN NULL;
END
$$;
