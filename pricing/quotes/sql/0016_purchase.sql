-- What of a quote may move, version 3. Applied by a migration; the suite compares it with the live database. Change
-- nothing here: add a new version and a migration that applies it.

-- The same rule as in 0007_holds.sql. There both rows were made into jsonb for every update, which took half of the
-- time of an acceptance's largest statement; here they are compared as they are. A column that is added is frozen, too.
CREATE FUNCTION quote_keep() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    kept pricing_quote := NEW;
BEGIN
    kept.status := OLD.status;
    kept.expires_at := OLD.expires_at;
    kept.hold_days := OLD.hold_days;
    kept.hold_fee := OLD.hold_fee;
    kept.is_negotiated := OLD.is_negotiated;
    IF kept IS DISTINCT FROM OLD
        OR OLD.status <> 'open' AND NEW.status <> OLD.status
        OR (OLD.status <> 'open' OR NEW.status <> 'open')
            AND (OLD.expires_at, OLD.hold_days, OLD.hold_fee, OLD.is_negotiated)
                IS DISTINCT FROM (NEW.expires_at, NEW.hold_days, NEW.hold_fee, NEW.is_negotiated)
        OR NEW.expires_at < OLD.expires_at OR NEW.hold_days < OLD.hold_days OR NEW.hold_fee < OLD.hold_fee
        OR OLD.is_negotiated AND NOT NEW.is_negotiated
    THEN
        RAISE EXCEPTION 'quote %: its terms are frozen, and it is open only once', OLD.public_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'a_quote_is_kept';
    END IF;
    RETURN NEW;
END $$;

DROP TRIGGER a_quote_is_kept ON pricing_quote;
CREATE TRIGGER a_quote_is_kept BEFORE UPDATE ON pricing_quote FOR EACH ROW EXECUTE FUNCTION quote_keep();
DROP FUNCTION quote_refuse();
