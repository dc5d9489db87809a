-- The ledger's rules inside the database, version 1. Applied by a migration; the suite compares them with the live
-- database. Change nothing here: add a new version and a migration that applies it.

-- One claim: locks the rows of each line in order, and takes the line only if it fits. Returns one row a line, with the
-- room found under the lock before the line was taken (the price is computed from it). Where a line does not fit, the
-- whole statement is refused, so that a bundle is claimed as a whole or not at all; the error's DETAIL says which line,
-- the room on its scarcest day, and whether an expired hold is still counted in it. Lines come sorted by (pool, start):
-- that is the lock order.
CREATE FUNCTION capacity_claim(
    p_holder text, p_firmness text, p_status text, p_expires_at timestamptz, p_now timestamptz,
    p_pools bigint[], p_starts date[], p_ends date[], p_occupied_ends date[], p_quantities int[]
) RETURNS TABLE (line int, claim bigint, room int[]) LANGUAGE plpgsql AS $$
DECLARE
    is_firm boolean := p_firmness = 'firm';
    is_standby boolean := p_firmness = 'standby';
    scarcest int;
    held int;
    expired boolean;
BEGIN
    FOR i IN 1 .. cardinality(p_pools) LOOP
        line := i;
        -- FOR UPDATE before the check, in day order: whoever else wants one of these days waits here.
        SELECT array_agg(locked.room), min(locked.room) INTO room, scarcest FROM (
            SELECT LEAST(  -- which passes over nulls: a class is bound by its own nested sum and those around it
                CASE WHEN is_firm THEN limit_firm - firm_held - firm_committed END,
                CASE WHEN NOT is_standby
                    THEN limit_standard - firm_held - firm_committed - standard_held - standard_committed END,
                limit_standby - firm_held - firm_committed - standard_held - standard_committed
                    - standby_held - standby_committed) AS room
            FROM marketplace_capacityday
            WHERE pool_id = p_pools[i] AND day >= p_starts[i] AND day < p_occupied_ends[i]
            ORDER BY day FOR UPDATE
        ) locked;
        IF cardinality(room) IS DISTINCT FROM p_occupied_ends[i] - p_starts[i] THEN
            scarcest := 0;  -- a day without a row has no headroom
        END IF;
        IF scarcest < p_quantities[i] THEN
            -- Under the lock this is certain: a sweep that is about to free these days waits for us.
            SELECT EXISTS (
                SELECT FROM marketplace_claim c JOIN marketplace_claimline l ON l.claim_id = c.id
                WHERE c.status = 'held' AND c.expires_at <= p_now AND l.pool_id = p_pools[i]
                    AND l.start < p_occupied_ends[i] AND l.occupied_end > p_starts[i]) INTO expired;
            RAISE EXCEPTION 'line % does not fit', i USING ERRCODE = 'check_violation', CONSTRAINT = 'claim_fits',
                DETAIL = format('%s %s %s', i, greatest(scarcest, 0), expired::int);
        END IF;
        IF claim IS NULL THEN
            INSERT INTO marketplace_claim (holder, firmness, status, expires_at, created_at, changed_at)
            VALUES (p_holder, p_firmness, p_status, p_expires_at, p_now, p_now) RETURNING id INTO claim;
        END IF;
        INSERT INTO marketplace_claimline (claim_id, pool_id, start, "end", occupied_end, quantity)
        VALUES (claim, p_pools[i], p_starts[i], p_ends[i], p_occupied_ends[i], p_quantities[i]);
        held := CASE p_status WHEN 'held' THEN p_quantities[i] ELSE 0 END;
        PERFORM capacity_add(claim, p_pools[i], p_starts[i], p_occupied_ends[i], p_firmness,
            held, p_quantities[i] - held, p_now);
        RETURN NEXT;
    END LOOP;
END $$;

-- Adds to one class's totals over [start, end), and writes the entry that says so. The rows are locked by the caller.
CREATE FUNCTION capacity_add(
    p_claim bigint, p_pool bigint, p_start date, p_end date, p_firmness text,
    p_held int, p_committed int, p_now timestamptz
) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    is_firm int := (p_firmness = 'firm')::int;
    is_standard int := (p_firmness = 'standard')::int;
    is_standby int := (p_firmness = 'standby')::int;
BEGIN
    UPDATE marketplace_capacityday SET
        firm_held = firm_held + is_firm * p_held,
        firm_committed = firm_committed + is_firm * p_committed,
        standard_held = standard_held + is_standard * p_held,
        standard_committed = standard_committed + is_standard * p_committed,
        standby_held = standby_held + is_standby * p_held,
        standby_committed = standby_committed + is_standby * p_committed
    WHERE pool_id = p_pool AND day >= p_start AND day < p_end;
    INSERT INTO marketplace_ledgerentry (claim_id, pool_id, start, "end", firmness, held, committed, at)
    VALUES (p_claim, p_pool, p_start, p_end, p_firmness, p_held, p_committed, p_now);
END $$;

-- Moves a claim from one status to another: held -> committed, held -> released, committed -> released.
-- Returns false, and has changed nothing, where the claim is not (or no longer) in the status that was expected.
CREATE FUNCTION capacity_move(p_claim bigint, p_from text, p_to text, p_now timestamptz)
RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    claim_firmness text;
    l record;
    held int;
    committed int;
BEGIN
    UPDATE marketplace_claim SET status = p_to, changed_at = p_now
    WHERE id = p_claim AND status = p_from RETURNING firmness INTO claim_firmness;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    FOR l IN SELECT pool_id, start, occupied_end, quantity FROM marketplace_claimline
             WHERE claim_id = p_claim ORDER BY pool_id, start, id LOOP
        PERFORM 1 FROM marketplace_capacityday
        WHERE pool_id = l.pool_id AND day >= l.start AND day < l.occupied_end ORDER BY day FOR UPDATE;
        held := CASE 'held' WHEN p_from THEN -l.quantity WHEN p_to THEN l.quantity ELSE 0 END;
        committed := CASE 'committed' WHEN p_from THEN -l.quantity WHEN p_to THEN l.quantity ELSE 0 END;
        PERFORM capacity_add(p_claim, l.pool_id, l.start, l.occupied_end, claim_firmness, held, committed, p_now);
    END LOOP;
    RETURN true;
END $$;

-- Nothing is sold twice, whatever path wrote it. The violation stands in the WHEN clause, so that the function runs
-- only to refuse and a good write pays next to nothing; AFTER, because a BEFORE trigger would lock every row once more.
-- Lowering a limit below what is claimed is allowed: that is a shortfall.
CREATE FUNCTION capacity_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'pool % on %: a nested sum would rise above its limit', NEW.pool_id, NEW.day
        USING ERRCODE = 'check_violation', CONSTRAINT = 'nothing_is_sold_twice', TABLE = 'marketplace_capacityday';
END $$;

CREATE TRIGGER nothing_is_sold_twice AFTER UPDATE ON marketplace_capacityday FOR EACH ROW WHEN (
    NEW.firm_held + NEW.firm_committed
        > GREATEST(NEW.limit_firm, OLD.firm_held + OLD.firm_committed)
    OR NEW.firm_held + NEW.firm_committed + NEW.standard_held + NEW.standard_committed
        > GREATEST(NEW.limit_standard,
            OLD.firm_held + OLD.firm_committed + OLD.standard_held + OLD.standard_committed)
    OR NEW.firm_held + NEW.firm_committed + NEW.standard_held + NEW.standard_committed
            + NEW.standby_held + NEW.standby_committed
        > GREATEST(NEW.limit_standby,
            OLD.firm_held + OLD.firm_committed + OLD.standard_held + OLD.standard_committed
            + OLD.standby_held + OLD.standby_committed)
) EXECUTE FUNCTION capacity_refuse();

CREATE TRIGGER nothing_is_sold_twice_on_insert AFTER INSERT ON marketplace_capacityday FOR EACH ROW WHEN (
    NEW.firm_held + NEW.firm_committed > NEW.limit_firm
    OR NEW.firm_held + NEW.firm_committed + NEW.standard_held + NEW.standard_committed > NEW.limit_standard
    OR NEW.firm_held + NEW.firm_committed + NEW.standard_held + NEW.standard_committed
        + NEW.standby_held + NEW.standby_committed > NEW.limit_standby
) EXECUTE FUNCTION capacity_refuse();

-- History is written once.
CREATE FUNCTION refuse_rewriting() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'check_violation', CONSTRAINT = 'append_only';
END $$;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON marketplace_ledgerentry
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON marketplace_entry
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON marketplace_event
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();

-- Totals change with every claim: room on the page keeps those updates inside it (no index is touched).
ALTER TABLE marketplace_capacityday SET (fillfactor = 50);
