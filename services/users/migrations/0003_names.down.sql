DROP INDEX users_legacy_hashes;
DROP INDEX users_admins;
ALTER TABLE users DROP COLUMN skeleton;
DROP FUNCTION users_skeleton(text);
DROP FUNCTION users_lookalikes(text);
