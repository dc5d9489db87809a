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

-- As in 0007_holds.sql, but a bundle that ran out is one lapse, however many parts it had.
CREATE OR REPLACE FUNCTION quote_holds(p_organisation bigint, p_now timestamptz, p_since timestamptz)
RETURNS TABLE (plain bigint, prolonged bigint, lapses timestamptz[]) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM pricing_holdaccount WHERE organisation_id = p_organisation FOR UPDATE;
    IF NOT FOUND THEN
        INSERT INTO pricing_holdaccount (organisation_id) VALUES (p_organisation) ON CONFLICT DO NOTHING;
        PERFORM 1 FROM pricing_holdaccount WHERE organisation_id = p_organisation FOR UPDATE;
    END IF;
    RETURN QUERY SELECT
        coalesce(sum(q.gpu_hours) FILTER (WHERE q.is_held AND q.hold_days = 0), 0)::bigint,
        coalesce(sum(q.gpu_hours) FILTER (WHERE q.is_held AND q.hold_days > 0), 0)::bigint,
        coalesce(array_agg(q.expires_at ORDER BY q.expires_at)
            FILTER (WHERE q.hold_days = 0 AND q.expires_at <= p_now AND q.is_first), '{}')
    FROM (
        SELECT expires_at, hold_days, status = 'open' AND expires_at > p_now AS is_held,
            quantity::bigint * ("end" - start) * 24 AS gpu_hours, coalesce(bundle_part, 0) = 0 AS is_first
        FROM pricing_quote
        WHERE organisation_id = p_organisation AND status IN ('open', 'expired') AND expires_at > p_since
    ) q;
END $$;
