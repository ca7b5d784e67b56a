ALTER TABLE sessions DROP COLUMN factor;
DROP TABLE challenges;
DROP TABLE factors;
DROP TABLE factor_settings;
