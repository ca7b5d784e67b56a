-- A process of the version before 0003, which a rolling replacement keeps for a while, knows no skeleton: its users get one too.
CREATE FUNCTION users_set_skeleton() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.skeleton := users_skeleton(NEW.username);
    RETURN NEW;
END
$$;
CREATE TRIGGER users_skeleton BEFORE INSERT ON users FOR EACH ROW WHEN (NEW.skeleton IS NULL) EXECUTE FUNCTION users_set_skeleton();

-- Users whom such a process has added since 0003, unless another user has the skeleton.
UPDATE users SET skeleton = first.skeleton
    FROM (SELECT DISTINCT ON (skeleton) id, skeleton FROM (SELECT id, users_skeleton(username) AS skeleton FROM users WHERE skeleton IS NULL) named
        ORDER BY skeleton, id) first
    WHERE users.id = first.id AND NOT EXISTS (SELECT FROM users other WHERE other.skeleton = first.skeleton);
