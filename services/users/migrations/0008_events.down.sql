ALTER TABLE forgotten_passwords DROP COLUMN network, DROP COLUMN user_agent, DROP COLUMN request_id;
DROP TABLE events;
DROP FUNCTION events_limit();
