# services/users/sessions/session_start.c: what a login ended is not published when its client left before the reply
s/if (!starting->is_certain)/if (false)/
