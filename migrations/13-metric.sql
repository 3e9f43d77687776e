CREATE TABLE metric (
  -- What was counted at a site in a stretch of time. Minutes become hours when they are older, and hours
  -- one row for all time before, so that the sum of all rows never falls.
  span_s    INTEGER NOT NULL CHECK (span_s IN (0, 60, 3600)), -- 0: all time before the others
  start_us  INTEGER NOT NULL CHECK (span_s <> 0 OR start_us = 0),
  site      TEXT    NOT NULL,           -- _other: sites beyond the first hundred
  counts    TEXT    NOT NULL CHECK (json_valid(counts)), -- how often what; see the description of the format
  p50_us    INTEGER,                    -- how long captures took, until they were durable:
  p95_us    INTEGER,                    -- of a hundred, so many took no longer
  p99_us    INTEGER,
  max_us    INTEGER,
  took      BLOB    NOT NULL,           -- all of that, as a histogram
  seal      BLOB    NOT NULL CHECK (length(seal) = 16), -- the digest of the other fields
  PRIMARY KEY (span_s, start_us, site)
) STRICT, WITHOUT ROWID;

CREATE VIEW v_metric AS
-- How captures went, by site and stretch of time.
SELECT
  CASE span_s WHEN 0 THEN 'before' ELSE
    strftime('%Y-%m-%dT%H:%M:%SZ', (start_us - ((start_us % 1000000) + 1000000) % 1000000) / 1000000, 'unixepoch') END AS at,
  CASE span_s WHEN 0 THEN 'all' WHEN 60 THEN 'minute' ELSE 'hour' END AS span,
  site,
  coalesce(json_extract(counts, '$."captures.complete"'), 0) + coalesce(json_extract(counts, '$."captures.partial"'), 0)
    + coalesce(json_extract(counts, '$."captures.minimal"'), 0)
    + coalesce(json_extract(counts, '$."captures.failed"'), 0) AS captures,
  coalesce(json_extract(counts, '$."captures.complete"'), 0) AS complete,
  coalesce(json_extract(counts, '$."captures.partial"'), 0)  AS partial,
  coalesce(json_extract(counts, '$."captures.minimal"'), 0)  AS minimal,
  coalesce(json_extract(counts, '$."captures.failed"'), 0)   AS failed,
  (SELECT coalesce(sum(value), 0) FROM json_each(counts) WHERE key LIKE 'errors.%') AS errors, -- could not be stored
  p50_us / 1000 AS p50_ms,
  p95_us / 1000 AS p95_ms,
  p99_us / 1000 AS p99_ms,
  max_us / 1000 AS max_ms,
  coalesce(json_extract(counts, '$.given_bytes'), 0)  AS given_bytes,
  coalesce(json_extract(counts, '$.stored_bytes'), 0) AS stored_bytes,
  (SELECT coalesce(sum(value), 0) FROM json_each(counts) WHERE key LIKE 'saved_bytes.%') AS saved_bytes,
  counts
FROM metric
ORDER BY span_s <> 0, start_us, site;
