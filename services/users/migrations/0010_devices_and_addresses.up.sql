-- Browsers and programs that have logged a user in, so that the first login of another one is reported to the user.
CREATE TABLE devices (
    user_id bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    -- SHA-256 of the user agent, in base64url.
    agent text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    used_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (user_id, agent)
);

-- When a link or a code that was sent to the user's address proved that it is the user's. Null: not yet.
ALTER TABLE users ADD COLUMN email_verified_at timestamptz;

-- The newest link of each user that proves that the user has an address, and makes it the user's e-mail if it is another one. A link is {id,
-- user_id}, signed: nothing here lets a reader prove anything.
CREATE TABLE email_links (
    user_id bigint PRIMARY KEY REFERENCES users ON DELETE CASCADE,
    -- Null: it was used.
    id uuid,
    email text NOT NULL,
    -- The user's tokens_dead_until_ms when it was sent: a change of the password ends it, so that no attacker's address becomes the user's after it.
    generation bigint NOT NULL,
    expires_at timestamptz NOT NULL,
    -- Messages since the window began.
    sent integer NOT NULL DEFAULT 1,
    since timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX email_links_email ON email_links (lower(email));
CREATE INDEX email_links_expires_at ON email_links (expires_at);
