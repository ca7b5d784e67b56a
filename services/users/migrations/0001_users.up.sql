CREATE TABLE users (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    username text NOT NULL CHECK (char_length(username) BETWEEN 1 AND 128),
    email text NOT NULL CHECK (char_length(email) <= 254),
    password_hash text NOT NULL,
    active boolean NOT NULL DEFAULT true,
    admin boolean NOT NULL DEFAULT false,
    created_at timestamptz NOT NULL DEFAULT now(),
    -- Tokens issued up to this millisecond of Unix time are dead.
    tokens_dead_until_ms bigint NOT NULL DEFAULT 0
);

CREATE UNIQUE INDEX users_username_key ON users (lower(username));
CREATE UNIQUE INDEX users_email_key ON users (lower(email));
CREATE INDEX users_tokens_dead_until_ms ON users (tokens_dead_until_ms) WHERE tokens_dead_until_ms > 0;

-- Tokens that died before they expired, one by one.
CREATE TABLE revoked_tokens (
    jti uuid PRIMARY KEY,
    user_id bigint NOT NULL,
    inactive boolean NOT NULL DEFAULT false,
    expires_at timestamptz NOT NULL
);

CREATE INDEX revoked_tokens_expires_at ON revoked_tokens (expires_at);

-- Users who are gone while tokens of theirs could still be about.
CREATE TABLE deleted_users (
    user_id bigint PRIMARY KEY,
    expires_at timestamptz NOT NULL
);
