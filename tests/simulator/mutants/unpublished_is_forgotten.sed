# services/users/revocations/revoke.c: a revocation that could not be published is not tried again
s/if (revoking->is_published)/if (true)/
