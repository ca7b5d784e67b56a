DROP TABLE passkey_logins;
DROP TABLE passkeys;
DELETE FROM factors WHERE method = 'passkey';
ALTER TABLE factors DROP COLUMN name;
ALTER TABLE factor_settings DROP COLUMN passkey_handle;
