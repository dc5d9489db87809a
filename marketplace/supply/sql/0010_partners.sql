-- Supply from partners, version 1. Applied by a migration; the suite compares it with the live database. Change nothing
-- here: add a new version and a migration that applies it.

-- Deleting is left to the milestone's own row: an import drops milestones that were never reported on.
CREATE TRIGGER append_only BEFORE UPDATE ON marketplace_milestonereport
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON marketplace_disclosurepolicy
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();
