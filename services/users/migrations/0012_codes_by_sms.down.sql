DELETE FROM outbox WHERE channel <> 'email';
ALTER TABLE outbox DROP COLUMN channel;
DROP INDEX factors_user_id;
CREATE INDEX factors_user_id ON factors (user_id) WHERE activated_at IS NOT NULL;
ALTER TABLE factors DROP COLUMN phone, DROP COLUMN pinned_email;
