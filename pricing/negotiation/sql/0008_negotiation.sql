-- What was said in a negotiation, and what staff may grant, is written once, version 1. Applied by a migration; the suite
-- compares it with the live database. Change nothing here: add a new version and a migration that applies it.

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON pricing_step FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER frozen BEFORE UPDATE ON pricing_negotiationpolicy FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();
