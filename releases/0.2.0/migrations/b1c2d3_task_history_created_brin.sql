-- revision: b1c2d3
-- down_revision: abc123
-- title: BRIN index on task_history.created_at
-- transaction: none
-- phase: pre
-- previous_code: runs
-- writers: online
-- down: exact

-- up
CREATE INDEX CONCURRENTLY IF NOT EXISTS idx_task_history_created_brin
  ON task_history USING brin (created_at);

-- down
DROP INDEX CONCURRENTLY IF EXISTS idx_task_history_created_brin;
