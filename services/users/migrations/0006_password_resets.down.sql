DROP TABLE password_resets;
DROP TABLE forgotten_passwords;
