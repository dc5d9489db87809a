-- What a price policy may say, and that nobody rewrites one, version 2. Applied by a migration; the suite compares it with
-- the live database. Change nothing here: add a new version and a migration that applies it.

CREATE TRIGGER frozen BEFORE UPDATE ON pricing_pricepolicy FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();

-- A schedule is [from, rate] steps: thresholds rise, rates never fall, and none is negative or above the policy's most.
CREATE FUNCTION schedule_holds(steps bigint[], most bigint) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$
DECLARE
    last_start bigint := -1;
    last_rate bigint := 0;
BEGIN
    IF steps = '{}' THEN
        RETURN true;
    END IF;
    IF array_ndims(steps) <> 2 OR array_length(steps, 2) <> 2 OR array_length(steps, 1) > 12 THEN
        RETURN false;
    END IF;
    FOR i IN 1 .. array_length(steps, 1) LOOP
        IF coalesce(steps[i][1] <= last_start OR steps[i][2] < last_rate OR steps[i][2] > most, true) THEN
            RETURN false;
        END IF;
        last_start := steps[i][1];
        last_rate := steps[i][2];
    END LOOP;
    RETURN true;
END $$;

CREATE FUNCTION highest_rate(steps bigint[]) RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN steps = '{}' THEN 0 ELSE steps[array_length(steps, 1)][2] END
$$;

CREATE FUNCTION policy_refuse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'price policy: a schedule does not rise from step to step, or gives more than the policy allows'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'terms_only_make_the_whole_cheaper';
END $$;

CREATE TRIGGER terms_only_make_the_whole_cheaper BEFORE INSERT ON pricing_pricepolicy FOR EACH ROW WHEN (NOT (
    schedule_holds(NEW.tenor, NEW.most_discount)
    AND schedule_holds(NEW.lead_time, NEW.most_discount)
    AND schedule_holds(NEW.prepayment, NEW.most_discount)
    AND schedule_holds(NEW.volume, NEW.most_discount)
    AND highest_rate(NEW.tenor) + highest_rate(NEW.lead_time) + highest_rate(NEW.prepayment)
        + highest_rate(NEW.volume) <= NEW.most_discount
)) EXECUTE FUNCTION policy_refuse();
