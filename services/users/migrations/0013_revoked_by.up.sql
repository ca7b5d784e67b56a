-- The session whose login ended this one. users looks for it after a login whose client left before the reply.
ALTER TABLE revoked_tokens ADD COLUMN revoked_by uuid;
CREATE INDEX revoked_tokens_revoked_by ON revoked_tokens (revoked_by) WHERE revoked_by IS NOT NULL;
