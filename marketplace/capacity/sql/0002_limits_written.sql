-- Who reads a kept inventory must hear of new limits, version 1. Applied by a migration; the suite compares it with the
-- live database. Change nothing here: add a new version and a migration that applies it.

-- What is claimed leaves an entry behind; limits leave none. So every statement that writes limits, by whatever path,
-- leaves its transaction's id in the one row that says so. A claim names none of these columns, so the trigger is not
-- called for it and costs it nothing.
CREATE FUNCTION limits_written() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO marketplace_limitswritten (id, by_transaction) VALUES (1, pg_current_xact_id()::text::bigint)
    ON CONFLICT (id) DO UPDATE SET by_transaction = EXCLUDED.by_transaction;
    RETURN NULL;
END $$;

CREATE TRIGGER limits_written
    AFTER INSERT OR DELETE OR TRUNCATE OR UPDATE OF limit_firm, limit_standard, limit_standby
    ON marketplace_capacityday FOR EACH STATEMENT EXECUTE FUNCTION limits_written();
