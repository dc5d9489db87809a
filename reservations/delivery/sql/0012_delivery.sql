-- Evidence is written once.
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON reservations_deliveryact
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON reservations_noderesult
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();
