DROP TRIGGER users_skeleton ON users;
DROP FUNCTION users_set_skeleton();
