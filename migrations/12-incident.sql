CREATE TABLE incident (
  -- What scrapers met and did not expect, in groups: one row for all that are alike, once numbers, ids
  -- and addresses are left out. Each is counted; few are captured.
  site           TEXT    NOT NULL,
  fingerprint    BLOB    NOT NULL CHECK (length(fingerprint) = 16),
  kind           TEXT    NOT NULL, -- selector_failure, retry_exhaustion, timeout, … or the caller's own
  module         TEXT    NOT NULL,
  component      TEXT    NOT NULL,
  function       TEXT    NOT NULL,
  message        TEXT    NOT NULL, -- what they have in common
  exemplar       TEXT    NOT NULL CHECK (json_valid(exemplar)), -- the first of them, as a JSON object
  first_us       INTEGER NOT NULL, -- when the first was met …
  last_us        INTEGER NOT NULL, -- … and the last
  count          INTEGER NOT NULL,
  captured       INTEGER NOT NULL, -- of them, those of which there is a snapshot;
  failed         INTEGER NOT NULL, -- whose capture failed, or is being made;
  by_flag        INTEGER NOT NULL, -- and that were not captured: the flag was off,
  by_breaker     INTEGER NOT NULL, -- too many captures of the site had failed,
  by_budget      INTEGER NOT NULL, -- there had been too many lately,
  by_schedule    INTEGER NOT NULL, -- it was not their turn,
  no_page        INTEGER NOT NULL, -- there was no page
  due            INTEGER NOT NULL, -- the occurrence that is captured next
  captured_us    INTEGER,          -- when one was captured last
  first_version  TEXT,             -- the first snapshot of one, which may be gone
  last_version   TEXT,
  structures     BLOB    NOT NULL CHECK (length(structures) % 16 = 0), -- of the pages that were captured
  seal           BLOB    NOT NULL CHECK (length(seal) = 16), -- the digest of all other columns
  PRIMARY KEY (site, fingerprint),
  CHECK (last_us >= first_us),
  CHECK (count = captured + failed + by_flag + by_breaker + by_budget + by_schedule + no_page)
) STRICT, WITHOUT ROWID;

CREATE TABLE gate (
  -- What lets incidents of a site through to be captured, for all processes alike: what is left of
  -- each trigger's budget, and the breaker, whose trigger is ''.
  site     TEXT NOT NULL,
  trigger  TEXT NOT NULL,
  state    TEXT NOT NULL CHECK (json_valid(state)),
  seal     BLOB NOT NULL CHECK (length(seal) = 16), -- the digest of all other columns
  PRIMARY KEY (site, trigger)
) STRICT, WITHOUT ROWID;

CREATE VIEW v_incident AS
-- Each group of incidents, the one met last first.
SELECT
  kind, site, module, component, function, message, count, captured,
  count - captured AS not_captured,
  strftime('%Y-%m-%dT%H:%M:%S', (first_us - ((first_us % 1000000) + 1000000) % 1000000) / 1000000, 'unixepoch')
    || printf('.%06dZ', ((first_us % 1000000) + 1000000) % 1000000) AS first_at,
  strftime('%Y-%m-%dT%H:%M:%S', (last_us - ((last_us % 1000000) + 1000000) % 1000000) / 1000000, 'unixepoch')
    || printf('.%06dZ', ((last_us % 1000000) + 1000000) % 1000000) AS last_at,
  first_version, last_version, exemplar,
  lower(hex(fingerprint)) AS fingerprint
FROM incident
ORDER BY last_us DESC, fingerprint;
