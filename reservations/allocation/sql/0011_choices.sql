-- What was announced to a buyer never gets worse, version 1. Applied by a migration; the suite compares it with the live
-- database. Change nothing here: add a new version and a migration that applies it.

CREATE FUNCTION remedy_never_worse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'A remedy that was announced may be extended, and never shortened or rewritten.'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'remedy_never_worse';
END $$;

CREATE TRIGGER never_worse BEFORE UPDATE ON reservations_remedy FOR EACH ROW WHEN (
    NEW.deadline < OLD.deadline
    OR (NEW.public_id, NEW.reservation_id, NEW.plan, NEW.happened, NEW.bottleneck, NEW.outlook, NEW.agreed_start,
        NEW.total, NEW.days, NEW.revision, NEW.announced_at)
        IS DISTINCT FROM (OLD.public_id, OLD.reservation_id, OLD.plan, OLD.happened, OLD.bottleneck, OLD.outlook,
        OLD.agreed_start, OLD.total, OLD.days, OLD.revision, OLD.announced_at)
    OR OLD.settled_at IS NOT NULL
) EXECUTE FUNCTION remedy_never_worse();

CREATE FUNCTION choice_never_worse() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'A choice that was announced may be improved, and never taken back or made worse.'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'choice_never_worse';
END $$;

CREATE TRIGGER never_worse BEFORE UPDATE ON reservations_remedychoice FOR EACH ROW WHEN (
    NEW.credit < OLD.credit OR NEW.refund < OLD.refund
    OR NEW.confidence < OLD.confidence OR (NEW.confidence IS NULL AND OLD.confidence IS NOT NULL)
    OR NEW.opens_on > OLD.opens_on OR (NEW.opens_on IS NOT NULL AND OLD.opens_on IS NULL)
    OR (NEW.public_id, NEW.remedy_id, NEW.position, NEW.kind, NEW.is_default, NEW.pool_id, NEW.lines, NEW.changes_days,
        NEW.claim_id, NEW.late_from, NEW.comparison)
        IS DISTINCT FROM (OLD.public_id, OLD.remedy_id, OLD.position, OLD.kind, OLD.is_default, OLD.pool_id, OLD.lines,
        OLD.changes_days, OLD.claim_id, OLD.late_from, OLD.comparison)
    OR NEW.late_until > OLD.late_until
) EXECUTE FUNCTION choice_never_worse();

CREATE TRIGGER never_gone BEFORE DELETE ON reservations_remedychoice
    FOR EACH ROW EXECUTE FUNCTION choice_never_worse();
CREATE TRIGGER never_gone BEFORE DELETE ON reservations_remedy
    FOR EACH ROW EXECUTE FUNCTION remedy_never_worse();

CREATE TRIGGER frozen BEFORE UPDATE ON reservations_remedyoverride FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER frozen BEFORE UPDATE ON reservations_disputepost FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();
