# services/users/sessions/session_refresh.c: the access token follows the clock, and not the last end that the session outlived
s/postgres_int(rows, row, COLUMN_REFRESHED_GENERATION)/clock_unix_ms()/
