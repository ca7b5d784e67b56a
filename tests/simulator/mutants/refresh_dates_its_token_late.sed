# services/users/sessions/session_refresh.c: the access token is dated 20 ms after the reply of Postgres, and not before the statement
s/later(refresh->issued_ms,/later(clock_unix_ms() + 20,/
