ALTER TABLE challenges DROP COLUMN action;
DELETE FROM factors WHERE method = 'mtan';
ALTER TABLE factor_settings
    DROP COLUMN mtan_for,
    DROP COLUMN mtan_nonce,
    DROP COLUMN mtan_email,
    DROP COLUMN mtan_at,
    DROP COLUMN mtan_tries,
    DROP COLUMN mtans,
    DROP COLUMN mtans_since;
