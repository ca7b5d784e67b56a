-- Passkeys (WebAuthn): factors whose secret the user's authenticator keeps. None of it is a secret here.
CREATE TABLE passkeys (
    factor_id uuid PRIMARY KEY REFERENCES factors ON DELETE CASCADE,
    -- In base64url, as the next one. No credential is of two users, so that it alone says who logs in.
    credential_id text NOT NULL UNIQUE,
    -- In COSE (libcommon/webauthn/cose_key.h).
    public_key text NOT NULL,
    -- Of its last use. An authenticator that counts uses a larger one each time; 0: it does not count.
    sign_count bigint NOT NULL,
    -- When its user was last notified that there is a copy of it.
    copied_at timestamptz
);

-- What its user calls it; null: nothing, and for other factors.
ALTER TABLE factors ADD COLUMN name text;

-- By which the user's authenticators know the account: random, so that it says nothing about its user. Null: no passkey was ever asked for.
ALTER TABLE factor_settings ADD COLUMN passkey_handle text;

-- Challenges of logins with a passkey alone that were answered, until they are too old to be answered again. Those that wait are in no table:
-- beginning a login stores nothing (services/users/passkeys/passkey_challenge.h).
CREATE TABLE passkey_logins (
    challenge uuid PRIMARY KEY,
    expires_at timestamptz NOT NULL
);

CREATE INDEX passkey_logins_expires_at ON passkey_logins (expires_at);
