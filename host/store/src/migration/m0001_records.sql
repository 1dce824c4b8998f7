-- What happened: the truth. Numbered over all sessions, in the order of the commits.
CREATE TABLE events (
    number   INTEGER PRIMARY KEY AUTOINCREMENT,
    session  TEXT    NOT NULL,
    sequence INTEGER NOT NULL CHECK (sequence > 0),
    at       INTEGER NOT NULL,
    version  INTEGER NOT NULL,
    kind     TEXT    NOT NULL,
    data     TEXT    NOT NULL,
    UNIQUE (session, sequence)
) STRICT;

CREATE TABLE snapshots (
    session  TEXT    PRIMARY KEY,
    sequence INTEGER NOT NULL,
    version  INTEGER NOT NULL,
    data     TEXT    NOT NULL
) STRICT;

-- Records of their own.
CREATE TABLE clients (
    number             INTEGER PRIMARY KEY AUTOINCREMENT,
    id                 TEXT    NOT NULL UNIQUE,
    name               TEXT    NOT NULL,
    package            TEXT    NOT NULL,
    combiner_preferred TEXT,
    ip                 TEXT,
    created_at         INTEGER NOT NULL,
    updated_at         INTEGER NOT NULL,
    last_seen          INTEGER
) STRICT;

CREATE TABLE uploads (
    number     INTEGER PRIMARY KEY AUTOINCREMENT,
    id         TEXT    NOT NULL UNIQUE,
    client     TEXT,
    blob       TEXT    NOT NULL,
    size_bytes INTEGER NOT NULL,
    used_by    TEXT,
    at         INTEGER NOT NULL
) STRICT;
CREATE INDEX unused_uploads_by_blob ON uploads (blob) WHERE used_by IS NULL;
CREATE INDEX unused_uploads_by_time ON uploads (at) WHERE used_by IS NULL;

-- Those without a session are seeds, and records of their own; the others are a view of the events.
CREATE TABLE models (
    number     INTEGER PRIMARY KEY AUTOINCREMENT,
    id         TEXT    NOT NULL UNIQUE,
    name       TEXT    NOT NULL,
    parent     TEXT    REFERENCES models (id),
    session    TEXT,
    round      INTEGER,
    blob       TEXT    NOT NULL,
    size_bytes INTEGER NOT NULL,
    format     TEXT    NOT NULL,
    created_at INTEGER NOT NULL
) STRICT;
CREATE INDEX models_by_parent ON models (parent);
CREATE INDEX models_by_session ON models (session, round);
CREATE INDEX models_by_blob ON models (blob);

CREATE TABLE packages (
    number      INTEGER PRIMARY KEY AUTOINCREMENT,
    id          TEXT    NOT NULL UNIQUE,
    name        TEXT    NOT NULL,
    description TEXT    NOT NULL,
    file_name   TEXT    NOT NULL,
    format      TEXT    NOT NULL,
    blob        TEXT    NOT NULL,
    size_bytes  INTEGER NOT NULL,
    active      INTEGER NOT NULL,
    created_at  INTEGER NOT NULL
) STRICT;
CREATE INDEX packages_by_blob ON packages (blob);
CREATE UNIQUE INDEX one_active_package ON packages (active) WHERE active;

CREATE TABLE prediction_requests (
    number INTEGER PRIMARY KEY AUTOINCREMENT,
    id     TEXT    NOT NULL UNIQUE,
    model  TEXT    NOT NULL REFERENCES models (id),
    at     INTEGER NOT NULL
) STRICT;

CREATE TABLE predictions (
    number     INTEGER PRIMARY KEY AUTOINCREMENT,
    prediction TEXT    NOT NULL REFERENCES prediction_requests (id),
    model      TEXT    NOT NULL,
    client     TEXT    NOT NULL,
    data       TEXT    NOT NULL,
    at         INTEGER NOT NULL,
    UNIQUE (prediction, client)
) STRICT;
CREATE INDEX predictions_by_model ON predictions (model);

CREATE TABLE settings (
    key   TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

-- Views of the events, kept as tables.
CREATE TABLE sessions (
    number           INTEGER PRIMARY KEY AUTOINCREMENT,
    id               TEXT    NOT NULL UNIQUE,
    name             TEXT    NOT NULL,
    status           TEXT    NOT NULL,
    reason           TEXT,
    code             TEXT,
    config           TEXT    NOT NULL,
    seed_model       TEXT    NOT NULL REFERENCES models (id),
    model            TEXT    NOT NULL REFERENCES models (id),
    best_model       TEXT,
    state_blob       TEXT,
    rounds_completed INTEGER NOT NULL,
    rounds_until     INTEGER NOT NULL,
    created_at       INTEGER NOT NULL,
    updated_at       INTEGER NOT NULL
) STRICT;
CREATE INDEX sessions_by_status ON sessions (status);
CREATE INDEX sessions_by_state_blob ON sessions (state_blob) WHERE state_blob IS NOT NULL;

CREATE TABLE runs (
    number            INTEGER PRIMARY KEY AUTOINCREMENT,
    session           TEXT    NOT NULL REFERENCES sessions (id),
    rounds            INTEGER NOT NULL,
    round_timeout_s   INTEGER NOT NULL,
    model_name_prefix TEXT,
    model             TEXT    NOT NULL,
    started_at        INTEGER NOT NULL,
    completed_at      INTEGER,
    completed_model   TEXT
) STRICT;
CREATE INDEX runs_by_session ON runs (session);

CREATE TABLE rounds (
    number             INTEGER PRIMARY KEY AUTOINCREMENT,
    session            TEXT    NOT NULL REFERENCES sessions (id),
    round              INTEGER NOT NULL,
    attempt            INTEGER NOT NULL,
    status             TEXT    NOT NULL,
    reason             TEXT,
    code               TEXT,
    base               TEXT    NOT NULL,
    model              TEXT,
    plugin_name        TEXT,
    plugin_version     TEXT,
    plugin_digest      TEXT,
    opened_at          INTEGER NOT NULL,
    attempt_opened_at  INTEGER,
    deadline           INTEGER,
    closed_at          INTEGER,
    ended_at           INTEGER,
    updates            INTEGER NOT NULL,
    examples           INTEGER NOT NULL,
    aggregator_metrics TEXT    NOT NULL,
    validation_metrics TEXT,
    UNIQUE (session, round)
) STRICT;
CREATE INDEX rounds_by_model ON rounds (model);

CREATE TABLE participations (
    number      INTEGER PRIMARY KEY AUTOINCREMENT,
    session     TEXT    NOT NULL REFERENCES sessions (id),
    round       INTEGER NOT NULL,
    attempt     INTEGER NOT NULL,
    client      TEXT    NOT NULL,
    status      TEXT    NOT NULL,
    update_id   TEXT,
    blob        TEXT,
    size_bytes  INTEGER,
    examples    INTEGER,
    metrics     TEXT    NOT NULL,
    asked_at    INTEGER NOT NULL,
    answered_at INTEGER,
    UNIQUE (session, round, attempt, client)
) STRICT;
CREATE INDEX participations_by_client ON participations (client);
CREATE INDEX participations_by_blob ON participations (blob) WHERE blob IS NOT NULL;

CREATE TABLE refusals (
    number    INTEGER PRIMARY KEY AUTOINCREMENT,
    session   TEXT    NOT NULL REFERENCES sessions (id),
    round     INTEGER NOT NULL,
    attempt   INTEGER NOT NULL,
    client    TEXT    NOT NULL,
    update_id TEXT    NOT NULL,
    code      TEXT    NOT NULL,
    reason    TEXT    NOT NULL,
    at        INTEGER NOT NULL
) STRICT;
CREATE INDEX refusals_by_session ON refusals (session, round);
CREATE INDEX refusals_by_client ON refusals (client);

CREATE TABLE validations (
    number  INTEGER PRIMARY KEY AUTOINCREMENT,
    session TEXT    NOT NULL REFERENCES sessions (id),
    round   INTEGER NOT NULL,
    model   TEXT    NOT NULL,
    client  TEXT    NOT NULL,
    metrics TEXT    NOT NULL,
    weight  REAL    NOT NULL,
    data    TEXT    NOT NULL,
    at      INTEGER NOT NULL
) STRICT;
CREATE INDEX validations_by_session ON validations (session, round);
CREATE INDEX validations_by_model ON validations (model);
CREATE INDEX validations_by_client ON validations (client);

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
