#include "postgres/last_ids.h"

/* ALTER SEQUENCE changes nothing, and waits for each transaction that has taken an id. */
const char last_ids_note[] = "DO $$ DECLARE place text; BEGIN"
			     " FOR place IN SELECT format('%I.%I', schemaname, sequencename) FROM pg_sequences"
			     " WHERE schemaname = current_schema() LOOP"
			     " CREATE SCHEMA IF NOT EXISTS last_ids;"
			     " CREATE TABLE IF NOT EXISTS last_ids.noted (sequence text PRIMARY KEY, id bigint NOT NULL);"
			     " EXECUTE format('ALTER SEQUENCE %s NO CYCLE', place);"
			     " INSERT INTO last_ids.noted AS noted"
			     " SELECT place, id FROM pg_sequence_last_value(place::regclass) AS id WHERE id IS NOT NULL"
			     " ON CONFLICT (sequence) DO UPDATE SET id = greatest(noted.id, excluded.id);"
			     " END LOOP; END $$";

const char last_ids_go_on[] =
	"DO $$ DECLARE last record; BEGIN"
	" IF to_regclass('last_ids.noted') IS NULL THEN RETURN; END IF;"
	" FOR last IN DELETE FROM last_ids.noted WHERE to_regclass(sequence) IS NOT NULL RETURNING sequence, id LOOP"
	" PERFORM setval(last.sequence::regclass, greatest(last.id, pg_sequence_last_value(last.sequence::regclass)));"
	" END LOOP;"
	" IF NOT EXISTS (SELECT FROM last_ids.noted) THEN DROP SCHEMA last_ids CASCADE; END IF;"
	" END $$";
