-- Every submission, duplicates kept.
CREATE TABLE "values" (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    user_id bigint,
    kind text NOT NULL,
    index bigint NOT NULL CHECK (index >= 0),
    submitted_at timestamptz NOT NULL DEFAULT now()
);

CREATE INDEX values_user_id ON "values" (user_id, id) WHERE user_id IS NOT NULL;

-- Every calculation that was ever asked for, once: what /values/current lists and what repair compares with Redis.
CREATE TABLE calculations (
    kind text NOT NULL,
    index bigint NOT NULL,
    first_submitted_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (kind, index)
);
