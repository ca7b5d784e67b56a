-- The email that the user chose, by registering or by a change that no link had to prove. While it is the user's and not proven (email_verified_at),
-- it may be another person's: a link for a new password, which is then the first proof, removes the factors of before. Null: an admin chose it, or
-- users of before this column did, so that nothing changes for the accounts that there are.
ALTER TABLE users ADD COLUMN claimed_email text;
