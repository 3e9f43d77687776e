-- More views for people: the state of sites and runs, changes, failures, what takes the room, history.
-- Times of views that count are whole seconds.

CREATE VIEW v_store AS
-- The store itself: one line. See also v_site, v_broken, v_change, v_failure, v_storage, v_event.
SELECT
  lower(hex(uuid)) AS uuid,
  strftime('%Y-%m-%dT%H:%M:%SZ', store.created_us / 1000000, 'unixepoch') AS created_at,
  (SELECT count(*) FROM snapshot WHERE forgotten_us IS NULL)     AS snapshots,
  (SELECT count(*) FROM snapshot WHERE forgotten_us IS NOT NULL) AS forgotten,
  (SELECT count(*) FROM artifact)             AS artifacts,
  (SELECT count(*) FROM blob)                 AS blobs,
  (SELECT sum(bytes) FROM artifact JOIN blob ON blob.id = blob_id) AS bytes, -- were nothing kept once, or as a delta
  (SELECT sum(length(data)) FROM blob)        AS stored,
  head_seq                                    AS last_event,
  lower(hex(head_chain))                      AS chain
FROM store;

CREATE VIEW v_site AS
-- How each site does: how often it failed, when all was well last, and since when some place of it is not.
SELECT
  site,
  count(*) AS snapshots,
  sum(status = 0) AS complete,
  sum(status = 1) AS partial,
  sum(status = 2) AS minimal,
  sum(status = 3) AS failed,
  round(100.0 * sum(status <> 0) / count(*), 1) AS incomplete_percent,
  strftime('%Y-%m-%dT%H:%M:%SZ', max(created_us) / 1000000, 'unixepoch') AS last_at,
  strftime('%Y-%m-%dT%H:%M:%SZ', max(good_us) / 1000000, 'unixepoch') AS last_complete_at,
  strftime('%Y-%m-%dT%H:%M:%SZ', min(iif(created_us <= good_us, NULL, created_us)) / 1000000, 'unixepoch') AS incomplete_since
FROM (
  SELECT site.name AS site, created_us, status,
         max(iif(status = 0, created_us, NULL)) OVER (PARTITION BY place_id) AS good_us
  FROM snapshot
  JOIN place AS function  ON function.id = place_id
  JOIN place AS component ON component.id = function.parent_id
  JOIN place AS module    ON module.id = component.parent_id
  JOIN place AS site      ON site.id = module.parent_id
  WHERE forgotten_us IS NULL)
GROUP BY site
ORDER BY site;

CREATE VIEW v_broken AS
-- Each place whose newest snapshot is not complete: since when, how often since, and the last that was.
SELECT
  site.name AS site, module.name AS module, component.name AS component, function.name AS function,
  strftime('%Y-%m-%dT%H:%M:%SZ', min(snapshot.created_us) / 1000000, 'unixepoch') AS since,
  count(*) AS snapshots,
  sum(status = 3) AS failed,
  (SELECT version FROM snapshot AS good WHERE good.place_id = at.place_id AND good.created_us = good_us
      AND forgotten_us IS NULL AND status = 0 ORDER BY id DESC LIMIT 1) AS last_complete,
  (SELECT version FROM snapshot AS new WHERE new.place_id = at.place_id AND new.created_us = last_us
      AND forgotten_us IS NULL ORDER BY id DESC LIMIT 1) AS newest
FROM (
  SELECT place_id, max(created_us) AS last_us, max(iif(status = 0, created_us, NULL)) AS good_us
  FROM snapshot WHERE forgotten_us IS NULL GROUP BY place_id) AS at
JOIN snapshot ON snapshot.place_id = at.place_id AND forgotten_us IS NULL
             AND created_us > coalesce(good_us, -9223372036854775808)
JOIN place AS function  ON function.id = at.place_id
JOIN place AS component ON component.id = function.parent_id
JOIN place AS module    ON module.id = component.parent_id
JOIN place AS site      ON site.id = module.parent_id
GROUP BY at.place_id
ORDER BY since;

CREATE VIEW v_place AS
-- The tree of places: each with what was taken there and below. A part that was left out is '-'.
WITH RECURSIVE
  tree (id, level, path) AS (
    SELECT id, level, '' FROM place WHERE parent_id IS NULL
    UNION ALL
    SELECT place.id, place.level, tree.path || CASE tree.path WHEN '' THEN '' ELSE '/' END
                     || replace(replace(replace(place.name, '%', '%25'), '/', '%2F'), '*', '%2A')
    FROM tree JOIN place ON place.parent_id = tree.id),
  held (id, snapshots, first_us, last_us) AS (
    SELECT place_id, count(*), min(created_us), max(created_us)
    FROM snapshot WHERE forgotten_us IS NULL GROUP BY place_id
    UNION ALL
    SELECT place.parent_id, snapshots, first_us, last_us
    FROM held JOIN place ON place.id = held.id WHERE place.parent_id IS NOT NULL)
SELECT
  coalesce(nullif(path, ''), '*') AS place,
  CASE level WHEN 0 THEN 'store' WHEN 1 THEN 'site' WHEN 2 THEN 'module' WHEN 3 THEN 'component' ELSE 'function' END AS level,
  coalesce(sum(snapshots), 0) AS snapshots,
  strftime('%Y-%m-%dT%H:%M:%SZ', min(first_us) / 1000000, 'unixepoch') AS first_at,
  strftime('%Y-%m-%dT%H:%M:%SZ', max(last_us) / 1000000, 'unixepoch')  AS last_at,
  (SELECT keep FROM retention WHERE place_id = tree.id) AS retention -- what is said here; else what is said above holds
FROM tree LEFT JOIN held ON held.id = tree.id
GROUP BY tree.id
ORDER BY path;

CREATE VIEW v_session AS
-- Each run, and what it came to.
SELECT
  session.name AS session,
  count(*) AS snapshots,
  sum(status = 0) AS complete,
  sum(status = 1) AS partial,
  sum(status = 2) AS minimal,
  sum(status = 3) AS failed,
  strftime('%Y-%m-%dT%H:%M:%SZ', min(created_us) / 1000000, 'unixepoch') AS first_at,
  strftime('%Y-%m-%dT%H:%M:%SZ', max(created_us) / 1000000, 'unixepoch') AS last_at
FROM session
JOIN snapshot ON session_id = session.id AND forgotten_us IS NULL
GROUP BY session.id
ORDER BY min(created_us), session.id;

CREATE VIEW v_latest AS
-- The newest snapshot of each place.
SELECT * FROM v_snapshot
WHERE version IN (
  SELECT (SELECT version FROM snapshot WHERE place_id = place.id AND forgotten_us IS NULL
          ORDER BY created_us DESC, id DESC LIMIT 1)
  FROM place WHERE level = 4);

CREATE VIEW v_snapshot_tag AS
-- Which snapshot carries which tag, a line for each.
SELECT tag.name AS tag, snapshot.version
FROM snapshot_tag
JOIN tag ON tag.id = tag_id
JOIN snapshot ON snapshot.id = snapshot_id AND forgotten_us IS NULL
ORDER BY tag.name, snapshot.created_us, snapshot.id;

CREATE VIEW v_user_info AS
-- What callers said of each snapshot, a line for each field; objects and arrays as JSON.
SELECT snapshot.version, field.key, field.type, field.value
FROM snapshot, json_each(user_info) AS field
WHERE forgotten_us IS NULL
ORDER BY snapshot.created_us, snapshot.id, field.id;

CREATE VIEW v_change AS
-- Each artifact of each snapshot beside the same of the snapshot before it in its place.
SELECT
  strftime('%Y-%m-%dT%H:%M:%SZ', now.created_us / 1000000, 'unixepoch') AS created_at,
  site.name AS site, module.name AS module, component.name AS component, function.name AS function,
  name.text AS name,
  CASE WHEN before.id IS NULL THEN 'first'
       WHEN artifact.blob_id IS was.blob_id THEN 'same'  -- or missing, as before
       WHEN was.blob_id IS NULL THEN 'appeared'
       WHEN artifact.blob_id IS NULL THEN 'lost'
       ELSE 'changed' END AS change,
  before.version AS before, now.version AS after,
  (SELECT bytes FROM blob WHERE id = was.blob_id)      AS before_bytes,
  (SELECT bytes FROM blob WHERE id = artifact.blob_id) AS after_bytes,
  (SELECT lower(hex(hash)) FROM blob WHERE id = was.blob_id)      AS before_hash,
  (SELECT lower(hex(hash)) FROM blob WHERE id = artifact.blob_id) AS after_hash
FROM snapshot AS now
JOIN place AS function  ON function.id = now.place_id
JOIN place AS component ON component.id = function.parent_id
JOIN place AS module    ON module.id = component.parent_id
JOIN place AS site      ON site.id = module.parent_id
LEFT JOIN snapshot AS before ON before.id = (
  SELECT id FROM snapshot
  WHERE place_id = now.place_id AND forgotten_us IS NULL AND (created_us, id) < (now.created_us, now.id)
  ORDER BY created_us DESC, id DESC LIMIT 1)
JOIN name ON name.id IN (SELECT name_id FROM artifact WHERE snapshot_id IN (now.id, before.id))
LEFT JOIN artifact ON artifact.snapshot_id = now.id AND artifact.name_id = name.id
LEFT JOIN artifact AS was ON was.snapshot_id = before.id AND was.name_id = name.id
WHERE now.forgotten_us IS NULL
ORDER BY now.created_us, now.id, name.text;

DROP VIEW v_artifact;

CREATE VIEW v_artifact AS
-- Each artifact of each snapshot, with what keeping its content costs.
SELECT
  snapshot.version,
  name.text  AS name,
  media.text AS media_type,
  CASE artifact.status WHEN 0 THEN 'stored' WHEN 1 THEN 'empty' WHEN 2 THEN 'failed'
                       WHEN 3 THEN 'skipped' ELSE 'redacted' END AS status,
  artifact.reason,
  artifact.took_us / 1000 AS took_ms,
  lower(nullif(hex(blob.hash), '')) AS hash, -- null where there is no content
  blob.bytes,
  CASE blob.codec WHEN 5
    THEN (SELECT sum(length(part.data)) FROM piece JOIN blob AS part ON part.id = piece_id WHERE piece.blob_id = blob.id)
    ELSE length(blob.data) END AS stored,
  CASE blob.codec WHEN 0 THEN 'raw' WHEN 1 THEN 'zstd' WHEN 2 THEN 'delta'
                  WHEN 3 THEN 'png' WHEN 4 THEN 'png delta' WHEN 5 THEN 'pieces' ELSE blob.codec END AS codec,
  blob.depth, -- at most so many deltas are applied to read it
  blob_id     -- the row of v_blob
FROM artifact
JOIN snapshot ON snapshot.id = snapshot_id
JOIN name ON name.id = name_id
JOIN name AS media ON media.id = media_id
LEFT JOIN blob ON blob.id = blob_id
WHERE forgotten_us IS NULL
ORDER BY snapshot.created_us, snapshot.id, name.text;

CREATE VIEW v_missing AS
-- Each artifact that was asked for and is not there, and why.
SELECT version, name, status, reason, took_ms, media_type
FROM v_artifact WHERE status <> 'stored';

CREATE VIEW v_failure AS
-- Each snapshot that is not complete, and what it lacks: a JSON object of names and reasons.
SELECT
  snapshot.version,
  strftime('%Y-%m-%dT%H:%M:%SZ', created_us / 1000000, 'unixepoch') AS created_at,
  site.name AS site, module.name AS module, component.name AS component, function.name AS function,
  CASE status WHEN 1 THEN 'partial' WHEN 2 THEN 'minimal' ELSE 'failed' END AS status,
  (SELECT json_group_object(name.text, reason) FROM artifact JOIN name ON name.id = name_id
    WHERE snapshot_id = snapshot.id AND artifact.status <> 0) AS missing,
  description
FROM snapshot
JOIN place AS function  ON function.id = place_id
JOIN place AS component ON component.id = function.parent_id
JOIN place AS module    ON module.id = component.parent_id
JOIN place AS site      ON site.id = module.parent_id
WHERE status <> 0 AND forgotten_us IS NULL
ORDER BY created_us, snapshot.id;

CREATE VIEW v_blob AS
-- Each content, once: how it is kept, and how often it is held. base_id is what it is a delta on.
SELECT
  blob.id,
  lower(hex(hash)) AS hash,
  bytes,
  CASE codec WHEN 5
    THEN (SELECT sum(length(part.data)) FROM piece JOIN blob AS part ON part.id = piece_id WHERE piece.blob_id = blob.id)
    ELSE length(data) END AS stored,
  CASE codec WHEN 0 THEN 'raw' WHEN 1 THEN 'zstd' WHEN 2 THEN 'delta'
             WHEN 3 THEN 'png' WHEN 4 THEN 'png delta' WHEN 5 THEN 'pieces' ELSE codec END AS codec,
  base_id,
  depth,
  position,
  (SELECT count(*) FROM artifact WHERE blob_id = blob.id) AS artifacts,
  (SELECT count(*) FROM piece WHERE piece_id = blob.id)   AS pieces,  -- as a piece of large content
  (SELECT count(*) FROM blob AS delta WHERE delta.base_id = blob.id) AS deltas
FROM blob
ORDER BY blob.id;

CREATE VIEW v_chain AS
-- What each delta is read through: the contents from the one kept whole up to it, and their sizes.
SELECT
  blob.id,
  lower(hex(hash)) AS hash,
  depth,
  (WITH RECURSIVE step (id, base_id, depth) AS (
     SELECT blob.id, blob.base_id, blob.depth
     UNION ALL
     SELECT base.id, base.base_id, base.depth FROM step JOIN blob AS base ON base.id = step.base_id LIMIT 1000)
   SELECT json_group_array(id) FROM (SELECT id FROM step ORDER BY depth)) AS chain,
  (WITH RECURSIVE step (base_id, bytes) AS (
     SELECT blob.base_id, blob.bytes
     UNION ALL
     SELECT base.base_id, base.bytes FROM step JOIN blob AS base ON base.id = step.base_id LIMIT 1000)
   SELECT sum(bytes) FROM step) AS decoded_bytes,
  (WITH RECURSIVE step (base_id, stored) AS (
     SELECT blob.base_id, length(blob.data)
     UNION ALL
     SELECT base.base_id, length(base.data) FROM step JOIN blob AS base ON base.id = step.base_id LIMIT 1000)
   SELECT sum(stored) FROM step) AS read_bytes
FROM blob
WHERE base_id IS NOT NULL
ORDER BY blob.id;

CREATE VIEW v_duplicate AS
-- Content that several artifacts hold, and is kept once.
SELECT
  lower(hex(hash)) AS hash,
  artifacts,
  snapshots,
  bytes,
  (artifacts - 1) * bytes AS saved_bytes,
  (SELECT version FROM snapshot WHERE snapshot.id = first_id) AS first_version,
  (SELECT version FROM snapshot WHERE snapshot.id = last_id)  AS last_version
FROM (
  SELECT blob_id, count(*) AS artifacts, count(DISTINCT snapshot_id) AS snapshots,
         min(snapshot_id) AS first_id, max(snapshot_id) AS last_id
  FROM artifact JOIN snapshot ON snapshot.id = snapshot_id
  WHERE blob_id IS NOT NULL AND forgotten_us IS NULL
  GROUP BY blob_id HAVING count(*) > 1)
JOIN blob ON blob.id = blob_id
ORDER BY saved_bytes DESC, blob_id;

CREATE VIEW v_flag_history AS
-- Who changed feature flags, when, what and why; before and after tell what differs.
SELECT
  seq,
  strftime('%Y-%m-%dT%H:%M:%S', (at_us - ((at_us % 1000000) + 1000000) % 1000000) / 1000000, 'unixepoch')
    || printf('.%06dZ', ((at_us % 1000000) + 1000000) % 1000000) AS at,
  json_extract(detail, '$.by')     AS who,
  json_extract(detail, '$.what')   AS what,
  json_extract(detail, '$.flag')   AS flag, -- null: not one alone
  json_extract(detail, '$.site')   AS site,
  json_extract(detail, '$.why')    AS why,
  json_extract(detail, '$.before') AS before,
  json_extract(detail, '$.after')  AS after,
  json_extract(detail, '$.forced') AS forced
FROM event
WHERE kind = 9
ORDER BY seq;

CREATE VIEW v_gate AS
-- What lets incidents of a site through to be captured: the budget of each trigger, and the breaker.
SELECT site, coalesce(nullif(trigger, ''), 'breaker') AS trigger, state
FROM gate
ORDER BY site, trigger;

CREATE VIEW v_alert_open AS
-- Alerts that are not over.
SELECT * FROM v_alert WHERE state <> 'resolved';

CREATE VIEW v_metric_hour AS
-- How captures went, by site and hour; of an hour that is there in minutes, the worst of these.
SELECT
  coalesce(substr(nullif(at, 'before'), 1, 14) || '00:00Z', at) AS hour,
  site,
  sum(captures) AS captures,
  sum(complete) AS complete,
  sum(partial)  AS partial,
  sum(minimal)  AS minimal,
  sum(failed)   AS failed,
  sum(errors)   AS errors,
  max(p50_ms)   AS p50_ms,
  max(p95_ms)   AS p95_ms,
  max(p99_ms)   AS p99_ms,
  max(max_ms)   AS max_ms,
  sum(given_bytes)  AS given_bytes,
  sum(stored_bytes) AS stored_bytes,
  sum(saved_bytes)  AS saved_bytes
FROM v_metric
GROUP BY 1, site
ORDER BY hour <> 'before', hour, site;

DROP VIEW v_event;

CREATE VIEW v_event AS
-- The log of changes, oldest first; `what` tells in words what `detail` has as JSON.
SELECT
  event.seq,
  strftime('%Y-%m-%dT%H:%M:%S', (at_us - ((at_us % 1000000) + 1000000) % 1000000) / 1000000, 'unixepoch')
    || printf('.%06dZ', ((at_us % 1000000) + 1000000) % 1000000) AS at,
  CASE event.kind WHEN 0 THEN 'init' WHEN 1 THEN 'create' WHEN 2 THEN 'tag' WHEN 3 THEN 'untag'
                  WHEN 4 THEN 'forget' WHEN 5 THEN 'undelete' WHEN 6 THEN 'purge' WHEN 7 THEN 'retention'
                  WHEN 8 THEN 'repair' WHEN 9 THEN 'flag' WHEN 10 THEN 'restore'
                  ELSE event.kind END AS kind,
  snapshot.version, -- null where it is purged
  CASE event.kind
    WHEN 0 THEN 'the store was made'
    WHEN 1 THEN 'stored' || coalesce(', tagged ' || (SELECT group_concat(value, ', ') FROM json_each(detail, '$.tags')), '')
    WHEN 2 THEN 'tagged ' || json_extract(detail, '$.tag')
    WHEN 3 THEN 'tag taken off: ' || json_extract(detail, '$.tag')
    WHEN 4 THEN 'forgotten' || coalesce(' by ' || json_extract(detail, '$.by'), '')
    WHEN 5 THEN 'taken back'
    WHEN 6 THEN 'purged: ' || (SELECT group_concat(json_extract(value, '$[1]'), ', ') FROM json_each(detail, '$.purged'))
    WHEN 7 THEN 'kept in ' || json_extract(detail, '$.place') || ': ' || coalesce(json_extract(detail, '$.keep'), 'as above it')
    WHEN 8 THEN 'saved from a damaged store, ' || json_extract(detail, '$.lost') || ' lost'
    WHEN 9 THEN json_extract(detail, '$.what') || coalesce(' ' || json_extract(detail, '$.flag'), '')
                || coalesce(' on ' || json_extract(detail, '$.site'), '') || ' by ' || json_extract(detail, '$.by') || coalesce(': ' || json_extract(detail, '$.why'), '')
    WHEN 10 THEN 'restored from ' || json_extract(detail, '$.from')
    END AS what,
  event.detail
FROM event
LEFT JOIN snapshot ON snapshot.id = coalesce(event.snapshot_id, event.seq)
ORDER BY event.seq;

DROP VIEW v_incident;

CREATE VIEW v_incident AS
-- Each group of incidents, the one met last first: how often, how often captured, and why not.
SELECT
  kind, site, module, component, function, message, count, captured,
  count - captured AS not_captured,
  strftime('%Y-%m-%dT%H:%M:%S', (first_us - ((first_us % 1000000) + 1000000) % 1000000) / 1000000, 'unixepoch')
    || printf('.%06dZ', ((first_us % 1000000) + 1000000) % 1000000) AS first_at,
  strftime('%Y-%m-%dT%H:%M:%S', (last_us - ((last_us % 1000000) + 1000000) % 1000000) / 1000000, 'unixepoch')
    || printf('.%06dZ', ((last_us % 1000000) + 1000000) % 1000000) AS last_at,
  first_version, last_version,
  failed      AS capture_failed,
  by_flag     AS flag_off,
  by_breaker  AS breaker_open,
  by_budget   AS budget_spent,
  by_schedule AS not_due,
  no_page,
  exemplar,
  lower(hex(fingerprint)) AS fingerprint
FROM incident
ORDER BY last_us DESC, fingerprint;
