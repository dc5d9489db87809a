-- Webhooks, version 1. Applied by a migration; the suite compares it with the live database. Change nothing here: add a
-- new version and a migration that applies it.

-- A replay looks for the events of some hours among millions: they lie together, so a small index finds them.
CREATE INDEX event_created ON marketplace_event USING brin (created_at) WITH (pages_per_range = 32, autosummarize = on);

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON marketplace_webhookattempt
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();
