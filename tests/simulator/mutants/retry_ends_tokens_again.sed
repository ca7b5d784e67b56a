# services/users/revocations/retry_queue.c: the retry of a user's revocation ends all tokens once more, also of sessions that began after it
s/postgres_param_int(&params, queue->current->revocation.user_id);/&\n\tpostgres_param_int(\&params, clock_unix_ms());\n\tpostgres_param_text(\&params, NULL);/
s/&store_user_revocation/\&store_tokens_end/
