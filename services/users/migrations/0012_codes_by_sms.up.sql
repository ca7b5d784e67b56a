-- Where the codes of a factor of the method mtan go. Both null: to the user's email. factor_settings.mtan_email is from now on whichever of the
-- three the newest code went to.
ALTER TABLE factors
    -- By SMS: a telephone number in E.164, which a code that was sent to it has proven.
    ADD COLUMN phone text CHECK (phone ~ '^\+[1-9][0-9]{7,14}$'),
    -- The user's email as it was before an admin changed it, so that no admin gets the codes of another user.
    ADD COLUMN pinned_email text,
    ADD CHECK (phone IS NULL OR pinned_email IS NULL);

-- Of all factors, because an admin who changes an email pins the codes of those that are not activated too, and a user who is deleted takes them along.
DROP INDEX factors_user_id;
CREATE INDEX factors_user_id ON factors (user_id);

-- How the message is sent, and so whether its recipient is an address or a number.
ALTER TABLE outbox ADD COLUMN channel text NOT NULL DEFAULT 'email' CHECK (channel IN ('email', 'sms'));
