CREATE TABLE alert (
  -- That something was wrong, from when to when. There is one open alert for a cause; those that are
  -- over stay, as history.
  id              INTEGER PRIMARY KEY,
  cause           TEXT    NOT NULL CHECK (length(cause) = 16), -- the fingerprint of its labels, in hex
  name            TEXT    NOT NULL,     -- the rule that raised it, or by_hand
  type            TEXT    NOT NULL,
  severity        TEXT    NOT NULL CHECK (severity IN ('info', 'warning', 'error', 'critical')),
  labels          TEXT    NOT NULL CHECK (json_valid(labels)), -- what it is about
  message         TEXT    NOT NULL,
  metadata        TEXT    NOT NULL CHECK (json_valid(metadata)),
  value           REAL,                 -- what was measured when it was last looked at
  occurrences     INTEGER NOT NULL CHECK (occurrences > 0), -- how often it was seen to be true, or raised
  active_us       INTEGER NOT NULL,     -- since when it is true
  seen_us         INTEGER NOT NULL,     -- when it was last seen to be
  fired_us        INTEGER,              -- since when it fires; nothing while it is pending
  quiet_us        INTEGER CHECK (quiet_us IS NULL OR fired_us IS NOT NULL), -- since when it goes on firing, though not true
  acknowledged_us INTEGER CHECK (acknowledged_us IS NULL OR fired_us IS NOT NULL),
  resolved_us     INTEGER CHECK (resolved_us IS NULL OR fired_us IS NOT NULL),
  seal            BLOB    NOT NULL CHECK (length(seal) = 16) -- the digest of the other fields
) STRICT;

CREATE UNIQUE INDEX alert_open ON alert (cause) WHERE resolved_us IS NULL;

CREATE VIEW v_alert AS
-- All alerts, those that are open first.
SELECT
  cause AS id,
  CASE WHEN resolved_us IS NOT NULL THEN 'resolved' WHEN acknowledged_us IS NOT NULL THEN 'acknowledged'
       WHEN fired_us IS NOT NULL THEN 'firing' ELSE 'pending' END AS state,
  severity,
  type,
  name,
  message,
  value,
  occurrences,
  strftime('%Y-%m-%dT%H:%M:%SZ', active_us / 1000000, 'unixepoch')       AS active_at,
  strftime('%Y-%m-%dT%H:%M:%SZ', fired_us / 1000000, 'unixepoch')        AS fired_at,
  strftime('%Y-%m-%dT%H:%M:%SZ', acknowledged_us / 1000000, 'unixepoch') AS acknowledged_at,
  strftime('%Y-%m-%dT%H:%M:%SZ', resolved_us / 1000000, 'unixepoch')     AS resolved_at,
  labels,
  metadata
FROM alert
ORDER BY resolved_us IS NOT NULL, coalesce(resolved_us, active_us) DESC, id DESC;
