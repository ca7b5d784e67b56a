DELETE FROM outbox WHERE channel <> 'email';
ALTER TABLE outbox DROP COLUMN channel;
ALTER TABLE factors DROP COLUMN phone, DROP COLUMN pinned_email;
