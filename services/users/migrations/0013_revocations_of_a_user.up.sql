-- After a login whose client left before its reply, users looks for the sessions that the login ended.
CREATE INDEX revoked_tokens_user_id ON revoked_tokens (user_id);
