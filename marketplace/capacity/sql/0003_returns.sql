-- Changing what a contract has, version 3. Applied by a migration; the suite compares it with the live database. Change
-- nothing here: add a new version and a migration that applies it.

-- Turns a hold (none where null) into a commitment, and cuts committed claims down to the lines given: what is not in
-- them any more is free again. A claim without lines is released. All in one call, because everything that takes days
-- takes them in one pass by (pool, day): claims first, by id, then the days of all their lines.
-- Returns false, and has changed nothing, where a claim is not (or no longer) in the status that was expected. Lines
-- that would give a claim more than it had on some day are refused: that would be a claim that nobody checked.
CREATE FUNCTION capacity_amend(
    p_commit bigint, p_claims bigint[], p_of bigint[],
    p_pools bigint[], p_starts date[], p_ends date[], p_occupied_ends date[], p_quantities int[], p_now timestamptz
) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    expected int := cardinality(p_claims) + (p_commit IS NOT NULL)::int;
    found int;
    less record;
    claim_firmness text;
BEGIN
    SELECT count(*) INTO found FROM (
        SELECT FROM marketplace_claim
        WHERE (id = p_commit AND status = 'held') OR (id = ANY(p_claims) AND status = 'committed')
        ORDER BY id FOR UPDATE
    ) locked;
    IF found <> expected THEN
        RETURN false;
    END IF;
    PERFORM 1 FROM marketplace_capacityday d
    WHERE EXISTS (
        SELECT FROM marketplace_claimline l
        WHERE (l.claim_id = p_commit OR l.claim_id = ANY(p_claims))
            AND l.pool_id = d.pool_id AND d.day >= l.start AND d.day < l.occupied_end)
    ORDER BY d.pool_id, d.day FOR UPDATE;
    IF p_commit IS NOT NULL THEN
        PERFORM capacity_move(p_commit, 'held', 'committed', p_now);
    END IF;
    -- What each claim has less of, in runs of days with the same difference.
    FOR less IN
        WITH had AS (
            SELECT l.claim_id AS claim, l.pool_id AS pool, day::date, l.quantity AS gpus
            FROM marketplace_claimline l, generate_series(l.start, l.occupied_end - 1, interval '1 day') AS day
            WHERE l.claim_id = ANY(p_claims)
        ), has AS (
            SELECT of AS claim, pool, day::date, -gpus AS gpus
            FROM unnest(p_of, p_pools, p_starts, p_occupied_ends, p_quantities) AS l (of, pool, first, until, gpus),
                generate_series(first, until - 1, interval '1 day') AS day
        ), days AS (
            SELECT claim, pool, day, sum(gpus)::int AS gpus
            FROM (SELECT * FROM had UNION ALL SELECT * FROM has) AS both_of_them
            GROUP BY claim, pool, day HAVING sum(gpus) <> 0
        ), runs AS (
            SELECT *, day - (row_number() OVER (PARTITION BY claim, pool, gpus ORDER BY day))::int AS run FROM days
        )
        SELECT claim, pool, min(day) AS first, max(day) + 1 AS until, gpus FROM runs
        GROUP BY claim, pool, gpus, run ORDER BY pool, first, claim
    LOOP
        IF less.gpus < 0 THEN
            RAISE EXCEPTION 'claim %: % more than it had in pool % from %', less.claim, -less.gpus, less.pool, less.first
                USING ERRCODE = 'check_violation', CONSTRAINT = 'a_claim_is_only_cut';
        END IF;
        SELECT firmness INTO claim_firmness FROM marketplace_claim WHERE id = less.claim;
        PERFORM capacity_add(less.claim, less.pool, less.first, less.until, claim_firmness, 0, -less.gpus, p_now);
    END LOOP;
    DELETE FROM marketplace_claimline WHERE claim_id = ANY(p_claims);
    INSERT INTO marketplace_claimline (claim_id, pool_id, start, "end", occupied_end, quantity)
    SELECT * FROM unnest(p_of, p_pools, p_starts, p_ends, p_occupied_ends, p_quantities);
    UPDATE marketplace_claim SET changed_at = p_now,
        status = CASE WHEN id = ANY(p_of) THEN 'committed' ELSE 'released' END
    WHERE id = ANY(p_claims);
    RETURN true;
END $$;
