-- Refresh tokens are signed {id, counter}: nothing here lets a reader log in. fillfactor leaves room on each page, and no index has a column
-- that a refresh changes, so that a refresh rewrites no index.
CREATE TABLE sessions (
    id uuid PRIMARY KEY,
    user_id bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    counter bigint NOT NULL DEFAULT 0,
    -- The user's tokens_dead_until_ms when the password was read. The session is dead once the user's is greater.
    generation bigint NOT NULL,
    remember boolean NOT NULL,
    -- Its refresh token travels in a cookie, and is refused anywhere else.
    cookie boolean NOT NULL,
    user_agent text NOT NULL,
    address text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    used_at timestamptz NOT NULL DEFAULT now(),
    rotated_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    -- A refresh token was used again after its successor: the session is dead, and stays here so that its own client learns why.
    reused_at timestamptz
) WITH (fillfactor = 70);

CREATE INDEX sessions_user_id ON sessions (user_id);
