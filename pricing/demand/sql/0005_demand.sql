-- A demand forecast is never rewritten, version 1. Applied by a migration; the suite compares it with the live database.
-- Change nothing here: add a new version and a migration that applies it.

CREATE TRIGGER frozen BEFORE UPDATE ON pricing_demandforecast FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER frozen BEFORE UPDATE ON pricing_pooldemand FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();
