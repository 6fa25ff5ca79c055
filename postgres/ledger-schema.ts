/** The schema of the installation's database in which this program keeps its own records. */
export const ledgerSchema = "octollm_upgrade";

const first = `
CREATE SCHEMA ${ledgerSchema};
COMMENT ON SCHEMA ${ledgerSchema} IS 'Records of OctoLLM Upgrade: attempts, applied revisions, the way back. See docs/ledger.md.';

CREATE TABLE ${ledgerSchema}.ledger (
  version integer PRIMARY KEY,
  since timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE ${ledgerSchema}.attempts (
  attempt integer PRIMARY KEY CHECK (attempt > 0),
  stack text NOT NULL,
  host text NOT NULL,
  pid integer NOT NULL,
  program_version text NOT NULL,
  plan_id text NOT NULL,
  reviewed_plan text,
  from_version text NOT NULL,
  to_version text NOT NULL,
  direction text NOT NULL CHECK (direction IN ('adopt', 'up', 'down', 'none')),
  status text NOT NULL DEFAULT 'open' CHECK (status IN ('open', 'succeeded', 'failed', 'superseded')),
  phase text,
  started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  finished_at timestamptz,
  error text,
  backup_id text,
  counts jsonb,
  CHECK ((status = 'open') = (finished_at IS NULL))
);
CREATE UNIQUE INDEX attempts_one_open ON ${ledgerSchema}.attempts (status) WHERE status = 'open';

CREATE TABLE ${ledgerSchema}.revisions (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  revision text NOT NULL,
  down_revision text,
  release text NOT NULL,
  checksum text NOT NULL,
  attempt integer REFERENCES ${ledgerSchema}.attempts,
  applied_at timestamptz,
  duration_ms bigint,
  down_sql text,
  undone_at timestamptz,
  undone_attempt integer REFERENCES ${ledgerSchema}.attempts,
  undone_duration_ms bigint,
  CHECK (applied_at IS NOT NULL OR undone_at IS NOT NULL)
);
CREATE UNIQUE INDEX revisions_standing ON ${ledgerSchema}.revisions (revision) WHERE undone_at IS NULL;

CREATE TABLE ${ledgerSchema}.kept_values (
  revision text NOT NULL,
  relation text NOT NULL,
  column_name text NOT NULL,
  row_key text NOT NULL,
  value text,
  PRIMARY KEY (revision, relation, column_name, row_key)
);

CREATE TABLE ${ledgerSchema}.events (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  attempt integer NOT NULL REFERENCES ${ledgerSchema}.attempts,
  phase text NOT NULL,
  status text NOT NULL CHECK (status IN ('started', 'done', 'failed', 'note')),
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  detail text
);
CREATE INDEX events_attempt ON ${ledgerSchema}.events (attempt);

INSERT INTO ${ledgerSchema}.ledger (version) VALUES (1);
`;

/** What an attempt left behind, so that a later one can tell what somebody else has changed since. */
const second = `
ALTER TABLE ${ledgerSchema}.attempts ADD COLUMN revision text, ADD COLUMN environment_digest text;
INSERT INTO ${ledgerSchema}.ledger (version) VALUES (2);
`;

/** Restores. */
const third = `
ALTER TABLE ${ledgerSchema}.attempts DROP CONSTRAINT attempts_direction_check;
ALTER TABLE ${ledgerSchema}.attempts
  ADD CONSTRAINT attempts_direction_check CHECK (direction IN ('adopt', 'up', 'down', 'none', 'restore')),
  ADD COLUMN restore_wish text,
  ADD COLUMN restored_backup text;
INSERT INTO ${ledgerSchema}.ledger (version) VALUES (3);
`;

/** How long statements took on how much, for the estimates of later previews. */
const fourth = `
CREATE TABLE ${ledgerSchema}.measures (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  attempt integer NOT NULL REFERENCES ${ledgerSchema}.attempts,
  revision text NOT NULL,
  direction text NOT NULL CHECK (direction IN ('up', 'down')),
  statement integer NOT NULL CHECK (statement > 0),
  work text NOT NULL CHECK (work IN ('rewrites', 'builds', 'scans', 'changes')),
  relation text NOT NULL,
  rows bigint,
  bytes bigint NOT NULL,
  milliseconds bigint NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp()
);
INSERT INTO ${ledgerSchema}.ledger (version) VALUES (4);
`;

/** Attempts that move the schema alone, as `octollm migrate` does: they change no release. */
const fifth = `
ALTER TABLE ${ledgerSchema}.attempts
  ADD COLUMN scope text NOT NULL DEFAULT 'installation' CHECK (scope IN ('installation', 'schema'));
INSERT INTO ${ledgerSchema}.ledger (version) VALUES (5);
`;

/** How long revisions took in rehearsals. */
const sixth = `
CREATE TABLE ${ledgerSchema}.rehearsals (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  revision text NOT NULL,
  direction text NOT NULL CHECK (direction IN ('up', 'down')),
  checksum text NOT NULL,
  milliseconds bigint NOT NULL,
  rows bigint NOT NULL,
  backup_id text NOT NULL,
  backup_at timestamptz NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp()
);
INSERT INTO ${ledgerSchema}.ledger (version) VALUES (6);
`;

/** Where a revision that works in batches has come to: at most one is under way. And the files of the releases. */
const batches = `
CREATE TABLE ${ledgerSchema}.batches (
  revision text PRIMARY KEY,
  direction text NOT NULL CHECK (direction IN ('up', 'down')),
  heading text NOT NULL CHECK (heading IN ('up', 'down')),
  release text NOT NULL,
  checksum text NOT NULL,
  relation text NOT NULL,
  key_columns text[] NOT NULL,
  position integer NOT NULL DEFAULT 0,
  cursor text[],
  rows_done bigint NOT NULL DEFAULT 0,
  rows_total bigint,
  attempt integer NOT NULL,
  started_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  updated_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE UNIQUE INDEX batches_one ON ${ledgerSchema}.batches ((true));

CREATE TABLE ${ledgerSchema}.release_files (
  path text PRIMARY KEY,
  content text NOT NULL,
  recorded_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
INSERT INTO ${ledgerSchema}.ledger (version) VALUES (7);
`;

/** How the services answered before and after. */
const load = `
ALTER TABLE ${ledgerSchema}.attempts ADD COLUMN load jsonb;
INSERT INTO ${ledgerSchema}.ledger (version) VALUES (8);
`;

/** Installations from nothing. */
const installations = `
ALTER TABLE ${ledgerSchema}.attempts DROP CONSTRAINT attempts_direction_check;
ALTER TABLE ${ledgerSchema}.attempts ADD CONSTRAINT attempts_direction_check
  CHECK (direction IN ('adopt', 'install', 'up', 'down', 'none', 'restore'));
INSERT INTO ${ledgerSchema}.ledger (version) VALUES (9);
`;

/** SQL that takes the ledger from version n to n + 1, at index n. Never edit one that was released: append. */
export const ledgerMigrations: readonly string[] = [
  first,
  second,
  third,
  fourth,
  fifth,
  sixth,
  batches,
  load,
  installations,
];

/** The version that this program reads and writes. */
export const ledgerVersion = ledgerMigrations.length;
