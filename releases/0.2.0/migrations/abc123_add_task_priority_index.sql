-- revision: abc123
-- down_revision: def456
-- title: add_task_priority_index
-- transaction: none
-- phase: pre
-- previous_code: runs
-- writers: online
-- down: exact

-- up
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_tasks_status_priority
  ON tasks (status, priority DESC);

-- down
DROP INDEX CONCURRENTLY IF EXISTS idx_tasks_status_priority;
