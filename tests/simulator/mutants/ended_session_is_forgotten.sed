# services/users/revocations/revoke.c: the client disconnected, and nothing publishes the end of its session
s/retry_queue_add_session(revoking->users->retry_queue, revoking->revocation.jti);/(void)0;/
