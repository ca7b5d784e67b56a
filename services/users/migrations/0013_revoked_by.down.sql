ALTER TABLE revoked_tokens DROP COLUMN revoked_by;
