CREATE TABLE flag_set (
  -- The feature flags as they are: one row. Each change of them is an event that tells the whole set, so
  -- that they can be had back as they were. v_flag shows them one by one.
  id         INTEGER PRIMARY KEY CHECK (id = 1),
  event_seq  INTEGER REFERENCES event (seq) ON DELETE RESTRICT, -- the last change, where there was one
  document   TEXT NOT NULL CHECK (json_valid(document))         -- percentages are of a hundred
) STRICT;

INSERT INTO flag_set (id, event_seq, document) VALUES (1, NULL,
'{"emergency":null,"flags":{"async_performance":{"dependencies":[],"description":"captures may be stored after they returned","enabled":true,"environments":[],"rollout":100,"sites":{}},"context_aware_bundles":{"dependencies":[],"description":"recorders store what they capture","enabled":true,"environments":[],"rollout":100,"sites":{}},"dual_html_capture":{"dependencies":[],"description":"the mode both keeps the element beside the page","enabled":true,"environments":[],"rollout":100,"sites":{}},"event_driven_snapshots":{"dependencies":[],"description":"incidents are captured, not only counted","enabled":true,"environments":[],"rollout":100,"sites":{}},"legacy_compatibility":{"dependencies":[],"description":"captures are written in the old flat layout too","enabled":false,"environments":[],"rollout":100,"sites":{}},"performance_monitoring":{"dependencies":[],"description":"metrics are written","enabled":true,"environments":[],"rollout":100,"sites":{}}},"settings":{"anomaly_points_max":5,"default_environment":null,"other":{},"raise_per_day_max":20},"sites":{},"stage":"full_rollout"}');

CREATE VIEW v_flag AS
-- Each feature flag, and what governs it together with the others.
SELECT
  flag.key AS name,
  json_extract(flag.value, '$.enabled')      AS enabled,
  json_extract(flag.value, '$.rollout')      AS rollout,      -- percent
  json_extract(flag.value, '$.sites')        AS sites,        -- percent on each, where that is another
  json_extract(flag.value, '$.environments') AS environments, -- none is all
  json_extract(flag.value, '$.dependencies') AS dependencies,
  json_extract(document, '$.sites')          AS all_on_sites, -- percent of all flags on a site
  json_extract(document, '$.stage')          AS stage,
  json_extract(document, '$.emergency.at')   AS emergency_since,
  json_extract(flag.value, '$.modified_at')  AS modified_at,
  json_extract(flag.value, '$.description')  AS description
FROM flag_set, json_each(document, '$.flags') AS flag
ORDER BY flag.key;

DROP VIEW v_event;

CREATE VIEW v_event AS
-- The log of changes, oldest first.
SELECT
  event.seq,
  strftime('%Y-%m-%dT%H:%M:%S', (at_us - ((at_us % 1000000) + 1000000) % 1000000) / 1000000, 'unixepoch')
    || printf('.%06dZ', ((at_us % 1000000) + 1000000) % 1000000) AS at,
  CASE event.kind WHEN 0 THEN 'init' WHEN 1 THEN 'create' WHEN 2 THEN 'tag' WHEN 3 THEN 'untag'
                  WHEN 4 THEN 'forget' WHEN 5 THEN 'undelete' WHEN 6 THEN 'purge' WHEN 7 THEN 'retention'
                  WHEN 8 THEN 'repair' WHEN 9 THEN 'flag' WHEN 10 THEN 'restore'
                  ELSE event.kind END AS kind,
  snapshot.version,
  event.detail
FROM event
LEFT JOIN snapshot ON snapshot.id = coalesce(event.snapshot_id, event.seq)
ORDER BY event.seq;
