-- Second factors of users. The first enrolment of a user makes a row here.
CREATE TABLE factor_settings (
    user_id bigint PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    -- Where a factor is asked: at every login, or only before sensitive actions.
    asked text NOT NULL DEFAULT 'login' CHECK (asked IN ('login', 'sensitive')),
    -- SHA-256 of the recovery codes that are left, in base64url. One row holds them all, so that its lock decides which of two uses of one code
    -- is the first, and which of two new sets the last.
    recovery_hashes text[] NOT NULL DEFAULT '{}' CHECK (cardinality(recovery_hashes) <= 10),
    -- Codes that were tried since the window began, from whatever address; 0 again after one that was right.
    tries integer NOT NULL DEFAULT 0,
    tries_since timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE factors (
    id uuid PRIMARY KEY,
    user_id bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    method text NOT NULL,
    -- Sealed with a key of SECRET_KEY (services/users/factors/seal.h): a copy of this table makes no code.
    secret text NOT NULL,
    -- The time step of the last code that was accepted. No code of it or an earlier one is accepted again.
    last_step bigint NOT NULL DEFAULT 0,
    created_at timestamptz NOT NULL DEFAULT now(),
    used_at timestamptz,
    -- Null: enrolled, and not yet proven by a code.
    activated_at timestamptz
);

CREATE INDEX factors_user_id ON factors (user_id) WHERE activated_at IS NOT NULL;
-- A new enrolment replaces the one that was not proven, so that a user has at most one.
CREATE UNIQUE INDEX factors_pending ON factors (user_id) WHERE activated_at IS NULL;

-- A login that waits for its second factor, or a sensitive action that waits for a confirmation.
CREATE TABLE challenges (
    id uuid PRIMARY KEY,
    user_id bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    -- The user's tokens_dead_until_ms when it began: a change of password or of a factor ends it.
    generation bigint NOT NULL,
    -- Digest of the network and the user agent that may answer it.
    client text NOT NULL,
    -- Of an action: HMAC over user, id, action and parameters (services/users/factors/binding.h). Null: a login.
    binding text,
    -- Of a login: the session that begins.
    remember boolean NOT NULL DEFAULT false,
    cookie boolean NOT NULL DEFAULT false,
    tries smallint NOT NULL DEFAULT 0,
    -- Set by the right answer, which is accepted once. A confirmed action then has until expires_at.
    answered_at timestamptz,
    expires_at timestamptz NOT NULL
);

CREATE INDEX challenges_user_id ON challenges (user_id);
CREATE INDEX challenges_expires_at ON challenges (expires_at);

-- amr of the session's tokens beside "pwd" (RFC 8176); empty: the password alone.
ALTER TABLE sessions ADD COLUMN factor text NOT NULL DEFAULT '';
