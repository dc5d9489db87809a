-- The ledger of money balances and is written once, version 1. Applied by a migration; the suite compares it with the
-- live database. Change nothing here: add a new version and a migration that applies it.

-- Every posting that a statement adds lines to adds up to nothing: its lines come in one statement, or not at all.
CREATE FUNCTION posting_balances() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    wrong bigint;
BEGIN
    SELECT l.posting_id INTO wrong FROM reservations_postingline l
    WHERE l.posting_id IN (SELECT posting_id FROM added)
    GROUP BY l.posting_id HAVING sum(l.amount) <> 0 OR count(*) < 2 LIMIT 1;
    IF wrong IS NOT NULL THEN
        RAISE EXCEPTION 'posting % does not balance', wrong USING ERRCODE = 'check_violation',
            CONSTRAINT = 'a_posting_balances';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER posting_balances AFTER INSERT ON reservations_postingline
REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION posting_balances();

-- Nothing on the ledger is edited: what was wrong is corrected by another posting.
CREATE FUNCTION posting_is_final() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'the ledger of money is append-only' USING ERRCODE = 'check_violation',
        CONSTRAINT = 'a_posting_is_final';
END $$;
CREATE TRIGGER posting_is_final BEFORE UPDATE OR DELETE ON reservations_posting
FOR EACH ROW EXECUTE FUNCTION posting_is_final();
CREATE TRIGGER posting_line_is_final BEFORE UPDATE OR DELETE ON reservations_postingline
FOR EACH ROW EXECUTE FUNCTION posting_is_final();
