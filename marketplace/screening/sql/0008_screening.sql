-- Screening, version 1. Applied by a migration; the suite compares it with the live database. Change nothing here: add a
-- new version and a migration that applies it.

-- How names are compared: letters and digits alone, in lower case, so that “Acme-Works, Ltd.” is “ACME WORKS LTD”.
CREATE FUNCTION screening_name(p_name text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
RETURN lower(regexp_replace(p_name, '[^[:alnum:]]', '', 'g'));

-- A list may be long: a deal looks its names up, it does not read the list.
CREATE INDEX listed_name_compared ON marketplace_listedname (screening_name(name)) WHERE removed_at IS NULL;

CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON marketplace_screeningpolicy
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();
