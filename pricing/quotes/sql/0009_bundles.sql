-- A bundle is whole, version 1. Applied by a migration; the suite compares it with the live database. Change nothing
-- here: add a new version and a migration that applies it.

CREATE TRIGGER frozen BEFORE UPDATE ON pricing_bundle FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();

-- At the end of a transaction that accepted or released a part, all parts are what it is. An expiry is true by the
-- clock for all of them at once, and may be written down one by one.
CREATE FUNCTION bundle_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (
        SELECT 1 FROM pricing_quote WHERE bundle_id = NEW.bundle_id AND status <> NEW.status
    ) THEN
        RAISE EXCEPTION 'quote %: a part of a bundle is % with all others or not at all', NEW.public_id, NEW.status
            USING ERRCODE = 'check_violation', CONSTRAINT = 'a_bundle_is_whole';
    END IF;
    RETURN NULL;
END $$;

CREATE CONSTRAINT TRIGGER a_bundle_is_whole AFTER UPDATE ON pricing_quote DEFERRABLE INITIALLY DEFERRED FOR EACH ROW
WHEN (NEW.bundle_id IS NOT NULL AND NEW.status IN ('accepted', 'released')) EXECUTE FUNCTION bundle_refuse();
