import type { Client } from "pg";

const subjects = [
  "Summarise the weekly incident report",
  "Review pull request and list risky changes",
  "Translate the customer letter into Français, 日本語 and Ελληνικά",
  "Extract all IBANs from the scanned invoices",
  "Plan the migration of the legacy billing service",
  "Write unit tests for the parser – edge cases first",
  "Find out why the nightly batch is slow 🐙",
  "Draft an answer to Jörg's question about O'Reilly's book",
];

/** Tasks number 1 to N, the same ones every time: ids, texts and times depend on nothing but the number. */
const insertTasks = `
  INSERT INTO tasks (id, description, priority, status, context, result, created_at, updated_at)
  SELECT md5('octollm task ' || i)::uuid,
         ($2::text[])[1 + i % cardinality($2::text[])] || ' (#' || i || ')',
         1 + (i * 7 + i / 11) % 5,
         status,
         jsonb_build_object('user', 'user' || i % 97 || '@example.com', 'note', 'größer ≥ ' || i, 'attempt', i % 3,
                            'tags', jsonb_build_array('team-' || i % 7, CASE WHEN i % 2 = 0 THEN '🐙' ELSE 'naïve' END),
                            'budget', jsonb_build_object('tokens', 500 + i % 4000, 'eur', (i % 400) / 100.0)),
         CASE status WHEN 'completed' THEN jsonb_build_object('summary', 'Résumé №' || i, 'confidence', (i % 100) / 100.0)
                     WHEN 'failed' THEN jsonb_build_object('error', E'timeout after 300 s\\n"arm" unreachable') END,
         started, started + make_interval(secs => i % 3600)
    FROM generate_series(1, $1::integer) AS i
    CROSS JOIN LATERAL (
      SELECT CASE WHEN i % 10 < 6 THEN 'completed' WHEN i % 10 < 8 THEN 'pending' WHEN i % 10 = 8 THEN 'failed'
                  ELSE 'running' END AS status,
             timestamptz '2025-03-01 06:00:00+00' + make_interval(mins => i) AS started) AS moment`;

const insertHistory = `
  INSERT INTO task_history (task_id, event, detail, created_at)
  SELECT id, event, jsonb_build_object('by', 'orchestrator', 'seconds', seconds),
         created_at + make_interval(secs => seconds)
    FROM tasks
    CROSS JOIN LATERAL (VALUES ('created', 0), ('started', 5), (status, 60)) AS step (event, seconds)
   WHERE event IN ('created', status) AND event <> 'pending' AND event <> 'running'
      OR event = 'started' AND status <> 'pending'
   ORDER BY tasks.created_at, seconds`;

const insertBeside = `
  INSERT INTO entities (id, entity_type, name, properties)
    SELECT md5('octollm entity ' || i)::uuid, (ARRAY['person', 'repository', 'service'])[1 + i % 3], 'entity ' || i,
           jsonb_build_object('weight', i % 10) FROM generate_series(1, 200) AS i;
  INSERT INTO api_keys (id, name, key_hash)
    SELECT md5('octollm key ' || i)::uuid, 'client ' || i, md5('not a key ' || i) FROM generate_series(1, 3) AS i;`;

/** Fills the tables of 0.1.0 with deterministic tasks, their history, and a little of everything else. */
export async function fillTables(client: Client, tasks: number): Promise<void> {
  await client.query(insertTasks, [tasks, subjects]);
  await client.query(insertHistory);
  await client.query(insertBeside);
}
