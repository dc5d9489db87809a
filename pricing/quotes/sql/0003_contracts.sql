-- What a contract says beside its price is never rewritten, version 3. Applied by a migration; the suite compares it with
-- the live database. Change nothing here: add a new version and a migration that applies it.

CREATE TRIGGER frozen BEFORE UPDATE ON pricing_contractpolicy FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();
