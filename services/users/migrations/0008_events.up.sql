-- What happened to accounts: which user did what, when, and from where (docs/decisions/0025-events.md). No name, no e-mail address and no secret
-- is here. user_id refers to no row, because what was done to an account stays when it is deleted; 0 stands for names that no account has.
CREATE TABLE events (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id bigint NOT NULL,
    -- Which events push which out (events_limit): changes were proven by a password, a factor or an admin; uses need the account; attempts are what
    -- any client can cause.
    class text NOT NULL CHECK (class IN ('change', 'use', 'attempt')),
    event text NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    -- The user who did it; null: a client that had not logged in, or an operator with manage.
    actor_id bigint,
    -- That began or ended, or with whose token it was done; null: none.
    session_id uuid,
    -- An IPv4 address, or the /64 network of an IPv6 address. '': not known.
    network text NOT NULL DEFAULT '',
    user_agent text NOT NULL DEFAULT '',
    request_id text NOT NULL DEFAULT '',
    -- Attempts of one kind from one network on one day (UTC) are one row. at is the first of them, everything else of the last.
    count bigint NOT NULL DEFAULT 1,
    last_at timestamptz
);

CREATE INDEX events_user_id ON events (user_id, class, id);
-- What was done to others.
CREATE INDEX events_actor_id ON events (actor_id, id) WHERE actor_id <> user_id;
CREATE UNIQUE INDEX events_attempts ON events (user_id, event, network, ((at AT TIME ZONE 'UTC')::date)) WHERE class = 'attempt';

-- A user has at most 500 events of each class: a further one removes the oldest. Here, and not in the statements, so that it holds for each of them.
CREATE FUNCTION events_limit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM events WHERE id IN (SELECT id FROM events WHERE id IN (SELECT id FROM events WHERE user_id = NEW.user_id AND class = NEW.class
        ORDER BY id DESC OFFSET 500) FOR UPDATE SKIP LOCKED);
    RETURN NULL;
END
$$;
CREATE TRIGGER events_limit AFTER INSERT ON events FOR EACH ROW EXECUTE FUNCTION events_limit();

-- From where a new password was asked for.
ALTER TABLE forgotten_passwords ADD COLUMN network text NOT NULL DEFAULT '', ADD COLUMN user_agent text NOT NULL DEFAULT '',
    ADD COLUMN request_id text NOT NULL DEFAULT '';
