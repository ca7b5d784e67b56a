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

-- Links that prove that a user has an address, and make it the user's e-mail if it is another one. A link is {id, user_id}, signed: nothing here
-- lets a reader prove anything. The row is gone once the link was used.
CREATE TABLE email_links (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    email text NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);

CREATE INDEX email_links_user_id ON email_links (user_id);
CREATE INDEX email_links_email ON email_links (lower(email));
CREATE INDEX email_links_expires_at ON email_links (expires_at);
