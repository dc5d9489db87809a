-- What an organisation holds without having bought it, version 1. Applied by a migration; the suite compares it with the
-- live database. Change nothing here: add a new version and a migration that applies it.

-- Locks the organisation's one row of holds, and says what it holds at p_now and which of its holds lapsed since p_since.
-- A function, because each of its statements has a snapshot of its own: whoever waited for the row sees the quote for
-- which it waited. In one statement with the lock the sum would be as old as the wait.
CREATE FUNCTION quote_holds(p_organisation bigint, p_now timestamptz, p_since timestamptz)
RETURNS TABLE (plain bigint, prolonged bigint, lapses timestamptz[]) LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM pricing_holdaccount WHERE organisation_id = p_organisation FOR UPDATE;
    IF NOT FOUND THEN
        INSERT INTO pricing_holdaccount (organisation_id) VALUES (p_organisation) ON CONFLICT DO NOTHING;
        PERFORM 1 FROM pricing_holdaccount WHERE organisation_id = p_organisation FOR UPDATE;
    END IF;
    -- A long hold that runs out is no lapse: it was paid for.
    RETURN QUERY SELECT
        coalesce(sum(q.gpu_hours) FILTER (WHERE q.is_held AND q.hold_days = 0), 0)::bigint,
        coalesce(sum(q.gpu_hours) FILTER (WHERE q.is_held AND q.hold_days > 0), 0)::bigint,
        coalesce(array_agg(q.expires_at ORDER BY q.expires_at) FILTER (WHERE q.hold_days = 0 AND q.expires_at <= p_now),
            '{}')
    FROM (
        -- A hold ends at its expiry, whether or not a sweep has written that down.
        SELECT expires_at, hold_days, status = 'open' AND expires_at > p_now AS is_held,
            quantity::bigint * ("end" - start) * 24 AS gpu_hours
        FROM pricing_quote
        WHERE organisation_id = p_organisation AND status IN ('open', 'expired') AND expires_at > p_since
            AND claim_id IS NOT NULL  -- a change may hold nothing
    ) q;
END $$;

-- Of a quote its status moves, and only away from open. While it stays open its hold may grow longer, at a fee that only
-- grows with it, and a negotiation about it may begin. Everything else is frozen.
DROP TRIGGER a_quote_is_kept ON pricing_quote;
CREATE TRIGGER a_quote_is_kept BEFORE UPDATE ON pricing_quote FOR EACH ROW WHEN (
    (OLD.status <> 'open' AND NEW.status <> OLD.status)
    OR ((OLD.status <> 'open' OR NEW.status <> 'open')
        AND (OLD.expires_at, OLD.hold_days, OLD.hold_fee, OLD.is_negotiated)
            IS DISTINCT FROM (NEW.expires_at, NEW.hold_days, NEW.hold_fee, NEW.is_negotiated))
    OR NEW.expires_at < OLD.expires_at OR NEW.hold_days < OLD.hold_days OR NEW.hold_fee < OLD.hold_fee
    OR (OLD.is_negotiated AND NOT NEW.is_negotiated)
    OR (to_jsonb(NEW) - '{status,expires_at,hold_days,hold_fee,is_negotiated}'::text[])
        IS DISTINCT FROM (to_jsonb(OLD) - '{status,expires_at,hold_days,hold_fee,is_negotiated}'::text[])
) EXECUTE FUNCTION quote_refuse();
