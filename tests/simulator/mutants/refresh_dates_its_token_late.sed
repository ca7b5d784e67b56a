# services/users/sessions/session_refresh.c: the access token is dated when the reply of Postgres is there, and not before the statement
s/later(refresh->issued_ms,/later(clock_unix_ms(),/
