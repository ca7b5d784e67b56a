DROP TABLE deleted_users;
DROP TABLE revoked_tokens;
DROP TABLE users;
