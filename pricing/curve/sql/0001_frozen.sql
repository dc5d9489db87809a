-- What has been published or promised is never rewritten, version 1. Applied by a migration; the suite compares it with
-- the live database. Change nothing here: add a new version and a migration that applies it.

CREATE TRIGGER frozen BEFORE UPDATE ON pricing_priceversion FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER frozen BEFORE UPDATE ON pricing_poolcurve FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER frozen BEFORE UPDATE ON pricing_termsdocument FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER frozen BEFORE UPDATE ON marketplace_servicespec FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();

-- Of a quote only its status moves, and only away from open.
CREATE FUNCTION quote_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'quote %: its terms are frozen, and it is open only once', OLD.public_id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'a_quote_is_kept';
END $$;

CREATE TRIGGER a_quote_is_kept BEFORE UPDATE ON pricing_quote FOR EACH ROW WHEN (
    (OLD.status <> 'open' AND NEW.status <> OLD.status)
    OR (to_jsonb(NEW) - 'status') IS DISTINCT FROM (to_jsonb(OLD) - 'status')
) EXECUTE FUNCTION quote_refuse();
