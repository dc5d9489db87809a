-- A quote for a change holds what it adds, and no more, version 3 of quote_holds. Applied by a migration; the suite
-- compares it with the live database. Change nothing here: add a new version and a migration that applies it.

CREATE OR REPLACE FUNCTION quote_holds(p_organisation bigint, p_now timestamptz, p_since timestamptz)
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
        coalesce(array_agg(q.expires_at ORDER BY q.expires_at)
            FILTER (WHERE q.hold_days = 0 AND q.expires_at <= p_now AND q.is_first), '{}')
    FROM (
        -- A hold ends at its expiry, whether or not a sweep has written that down.
        SELECT expires_at, hold_days, status = 'open' AND expires_at > p_now AS is_held,
            24 * CASE kind WHEN 'buy' THEN quantity::bigint * ("end" - start) ELSE (
                SELECT coalesce(sum((line ->> 'quantity')::bigint
                    * ((line ->> 'end_exclusive')::date - (line ->> 'start')::date)), 0)
                FROM jsonb_array_elements(lines) AS line WHERE line ->> 'code' = 'added'
            ) END AS gpu_hours
        FROM pricing_quote
        WHERE organisation_id = p_organisation AND status IN ('open', 'expired') AND expires_at > p_since
            AND claim_id IS NOT NULL  -- a change may hold nothing
    ) q;
END $$;
