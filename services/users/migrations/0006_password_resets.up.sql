-- Addresses for which a new password was asked, by any client, until users has looked whether an account has one. users looks at seconds that are
-- over, so that no client waits for the rows that it holds, and none can measure how long that takes and learn who has an account.
CREATE TABLE forgotten_passwords (
    email text,
    asked_s bigint DEFAULT floor(extract(epoch FROM now())),
    PRIMARY KEY (email, asked_s)
);

-- A link is {id, user_id}, signed: nothing here lets a reader set a password. The row is gone once the link was used. The link is good only while its
-- user has the address that it was sent to, because another one may have been set while users wrote the message.
CREATE TABLE password_resets (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    user_id bigint NOT NULL REFERENCES users ON DELETE CASCADE,
    email text NOT NULL,
    expires_at timestamptz NOT NULL
);

CREATE INDEX password_resets_user_id ON password_resets (user_id);
