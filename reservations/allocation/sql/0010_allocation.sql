-- By which rules a plan is made, and what it was made of, is never rewritten. Applied by a
-- migration; the suite compares it with the live database. Change nothing here: add a new version and a migration.

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON reservations_allocationpolicy
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON reservations_plan
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();
