ALTER TABLE factor_settings DROP COLUMN confirmation_tries, DROP COLUMN confirmation_tries_since;
