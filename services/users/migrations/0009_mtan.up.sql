-- Codes by message (mTAN). Each user has one row of factor_settings, and so at most one code that is good: a newer one replaces it.
ALTER TABLE factor_settings
    -- The challenge that the newest code answers, or the factor that it activates. Null: none was sent, or it was used.
    ADD COLUMN mtan_for uuid,
    -- The id of its message, of which the code is computed (services/users/factors/mtan.h): a copy of this table makes no code.
    ADD COLUMN mtan_nonce uuid,
    -- The address that it was sent to. The code is void once the user has another one.
    ADD COLUMN mtan_email text,
    ADD COLUMN mtan_at timestamptz,
    -- Tries to activate a factor with it; those of a challenge are counted there.
    ADD COLUMN mtan_tries smallint NOT NULL DEFAULT 0,
    -- Messages since the window began.
    ADD COLUMN mtans integer NOT NULL DEFAULT 0,
    ADD COLUMN mtans_since timestamptz NOT NULL DEFAULT now();

-- The action's name, which the message with a code shows. Null: a login, or an action of a users service that did not store it yet.
ALTER TABLE challenges ADD COLUMN action text;
