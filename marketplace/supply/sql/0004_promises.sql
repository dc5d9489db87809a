-- What was promised is never edited: a change is a new version. Applied by a migration; the suite compares it with the
-- live database.
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON marketplace_supplypolicy
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();
