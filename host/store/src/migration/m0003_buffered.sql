-- A client of a buffered session may be asked more than once in a round: its tasks have numbers, which are 0 where rounds
-- wait for their clients.
DROP VIEW blob_references;
ALTER TABLE participations RENAME TO participations_of_rounds;

CREATE TABLE participations (
    number      INTEGER PRIMARY KEY AUTOINCREMENT,
    session     TEXT    NOT NULL REFERENCES sessions (id),
    round       INTEGER NOT NULL,
    attempt     INTEGER NOT NULL,
    client      TEXT    NOT NULL,
    task        INTEGER NOT NULL,
    status      TEXT    NOT NULL,
    update_id   TEXT,
    blob        TEXT,
    size_bytes  INTEGER,
    staleness   INTEGER NOT NULL,
    examples    INTEGER,
    metrics     TEXT    NOT NULL,
    asked_at    INTEGER NOT NULL,
    answered_at INTEGER,
    UNIQUE (session, round, attempt, client, task)
) STRICT;

INSERT INTO participations
    SELECT number, session, round, attempt, client, 0, status, update_id, blob, size_bytes, 0, examples, metrics, asked_at,
        answered_at
    FROM participations_of_rounds;
DROP TABLE participations_of_rounds;

CREATE INDEX participations_by_client ON participations (client);
CREATE INDEX participations_by_blob ON participations (blob) WHERE blob IS NOT NULL;
CREATE UNIQUE INDEX participations_by_task ON participations (session, task) WHERE task > 0;

-- All that keeps a blob.
CREATE VIEW blob_references (blob, holder) AS
    SELECT blob, 'upload' FROM uploads WHERE used_by IS NULL
    UNION ALL
    SELECT blob, 'model' FROM models
    UNION ALL
    SELECT blob, 'package' FROM packages
    UNION ALL
    SELECT state_blob, 'state' FROM sessions WHERE state_blob IS NOT NULL
    UNION ALL
    SELECT blob, 'update' FROM participations WHERE blob IS NOT NULL;
