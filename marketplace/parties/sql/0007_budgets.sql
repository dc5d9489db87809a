-- Budgets hold under concurrency like capacity does, version 1. Applied by a migration; the suite compares it with the
-- live database. Change nothing here: add a new version and a migration that applies it.

-- Takes of a cost centre's budgets what a purchase needs of each period: reserved until a time, or spent. The cost
-- centre's row is locked first, and every change of its budgets takes that lock: one lock, so no order to keep among
-- periods (NO KEY, so that a reservation that names the cost centre may be written beside). All or nothing: where a period does not fit, the statement is refused, and its DETAIL says what is left in
-- each, in the order asked (a period without a budget has nothing left). What was reserved and has expired is released
-- here, before it is counted: it ends by the clock, whoever is down.
CREATE FUNCTION budget_take(
    p_cost_centre bigint, p_holder text, p_status text, p_expires_at timestamptz, p_now timestamptz,
    p_starts date[], p_amounts numeric[]
) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    claim bigint;
    reserving boolean := p_status = 'reserved';
    lefts text;
    fits boolean;
BEGIN
    PERFORM 1 FROM marketplace_costcentre WHERE id = p_cost_centre FOR NO KEY UPDATE;
    PERFORM budget_move(c.id, 'reserved', 'released', p_now) FROM marketplace_budgetclaim c
    WHERE c.cost_centre_id = p_cost_centre AND c.status = 'reserved' AND c.expires_at <= p_now;
    SELECT string_agg(greatest(COALESCE(b.amount - b.reserved - b.spent, 0), 0)::text, ' ' ORDER BY w.place),
        bool_and(w.amount <= COALESCE(b.amount - b.reserved - b.spent, 0) OR w.amount <= 0 AND b.id IS NOT NULL)
    INTO lefts, fits
    FROM unnest(p_starts, p_amounts) WITH ORDINALITY AS w (start, amount, place)
    LEFT JOIN marketplace_budget b ON b.cost_centre_id = p_cost_centre AND b.start = w.start;
    IF NOT fits THEN
        RAISE EXCEPTION 'the budget does not fit' USING ERRCODE = 'check_violation', CONSTRAINT = 'budget_fits',
            DETAIL = lefts;
    END IF;
    INSERT INTO marketplace_budgetclaim (cost_centre_id, holder, status, expires_at, created_at, changed_at)
    VALUES (p_cost_centre, p_holder, p_status, p_expires_at, p_now, p_now) RETURNING id INTO claim;
    WITH wanted AS (
        SELECT b.id, w.amount FROM unnest(p_starts, p_amounts) AS w (start, amount)
        JOIN marketplace_budget b ON b.cost_centre_id = p_cost_centre AND b.start = w.start
    ), added AS (
        UPDATE marketplace_budget b SET reserved = b.reserved + CASE WHEN reserving THEN w.amount ELSE 0 END,
            spent = b.spent + CASE WHEN reserving THEN 0 ELSE w.amount END
        FROM wanted w WHERE b.id = w.id RETURNING b.id, w.amount
    )
    INSERT INTO marketplace_budgetentry (claim_id, budget_id, reserved, spent, at)
    SELECT claim, id, CASE WHEN reserving THEN amount ELSE 0 END, CASE WHEN reserving THEN 0 ELSE amount END, p_now
    FROM added;
    RETURN claim;
END $$;

-- Moves what a purchase has taken: reserved -> spent, reserved -> released, spent -> released. Returns false, and has
-- changed nothing, where the claim is not (or no longer) in the status that was expected.
CREATE FUNCTION budget_move(p_claim bigint, p_from text, p_to text, p_now timestamptz)
RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM 1 FROM marketplace_costcentre
    WHERE id = (SELECT cost_centre_id FROM marketplace_budgetclaim WHERE id = p_claim) FOR NO KEY UPDATE;
    UPDATE marketplace_budgetclaim SET status = p_to, changed_at = p_now WHERE id = p_claim AND status = p_from;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    WITH taken AS (
        SELECT budget_id, sum(reserved) AS reserved, sum(spent) AS spent FROM marketplace_budgetentry
        WHERE claim_id = p_claim GROUP BY budget_id
    ), moved AS (
        UPDATE marketplace_budget b SET reserved = b.reserved - t.reserved,
            spent = b.spent - t.spent + CASE WHEN p_to = 'spent' THEN t.reserved ELSE 0 END
        FROM taken t WHERE b.id = t.budget_id RETURNING t.budget_id, t.reserved, t.spent
    )
    INSERT INTO marketplace_budgetentry (claim_id, budget_id, reserved, spent, at)
    SELECT p_claim, budget_id, -reserved, CASE WHEN p_to = 'spent' THEN reserved ELSE -spent END, p_now FROM moved;
    RETURN true;
END $$;

-- No path takes more than the budget, whatever wrote it. An amount may be cut below what is spent: that must show.
CREATE FUNCTION budget_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'budget % would be overdrawn', NEW.id
        USING ERRCODE = 'check_violation', CONSTRAINT = 'no_budget_is_overdrawn', TABLE = 'marketplace_budget';
END $$;

CREATE TRIGGER no_budget_is_overdrawn AFTER UPDATE ON marketplace_budget FOR EACH ROW WHEN (
    NEW.reserved + NEW.spent > GREATEST(NEW.amount, OLD.reserved + OLD.spent)
) EXECUTE FUNCTION budget_refuse();

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON marketplace_budgetentry
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON marketplace_approvalpolicy
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();
