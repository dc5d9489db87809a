-- The end of a hold that could be prolonged, version 1. Applied by a migration; the suite compares it with the live database.
-- Change nothing here: add a new version and a migration that applies it.

-- Releases a hold whose time is over. The time is read again under the claim's lock: a hold that was prolonged between
-- the sweep's look and this must stay.
CREATE FUNCTION capacity_expire(p_claim bigint, p_now timestamptz)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM marketplace_claim WHERE id = p_claim AND status = 'held' AND expires_at <= p_now FOR UPDATE;
    RETURN FOUND AND capacity_move(p_claim, 'held', 'released', p_now);
END $$;
