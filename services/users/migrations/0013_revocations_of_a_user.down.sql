DROP INDEX revoked_tokens_user_id;
