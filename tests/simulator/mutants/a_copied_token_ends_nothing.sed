# services/users/sessions/session_refresh.c: a refresh token that was replaced is refused, and its session goes on
s/return judge(refresh);/return refuse(refresh, false);/
