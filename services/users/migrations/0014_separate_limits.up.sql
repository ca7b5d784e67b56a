-- What a client can cause in any number uses up no limit that protects something else.

-- Codes that were tried to confirm an action are counted apart from those of logins, because a token alone begins a confirmation.
ALTER TABLE factor_settings
    ADD COLUMN confirmation_tries integer NOT NULL DEFAULT 0,
    ADD COLUMN confirmation_tries_since timestamptz NOT NULL DEFAULT now();
