-- Messages that are to be sent by e-mail, each written in the transaction that causes it, and kept until mailer has reported that it is sent
-- or refused, or until it is pointless.
CREATE TABLE outbox (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    template text NOT NULL,
    recipient text NOT NULL,
    -- What the template is filled with: an object of texts.
    parameters jsonb NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL DEFAULT now() + interval '1 day',
    -- The next attempt is published then: the first at once; another when mailer has deferred it or has not answered.
    due_at timestamptz NOT NULL DEFAULT now(),
    attempt bigint NOT NULL DEFAULT 0,
    deferrals int NOT NULL DEFAULT 0
);

CREATE INDEX outbox_due_at ON outbox (due_at);
CREATE INDEX outbox_recipient ON outbox (recipient);
