# services/users/sessions/session_refresh.c: the reply does not wait until every process knows that the session was ended
s/return revoke_session(refresh->revoking, published, refresh);/return refuse(refresh, true);/
