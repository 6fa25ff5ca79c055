import type { Dependent, TableFacts } from "../planner/tables";
import { findWalkKey } from "./batch-keys";
import type { Client } from "./connection";

/** SQL: what ALTER COLUMN TYPE refuses, after ATExecAlterColumnType in PostgreSQL's tablecmds.c. */
const forbidsRewrite = `
  SELECT a.attname::text AS column, 'forbids-rewrite' AS effect,
         CASE d.classid
           WHEN 'pg_rewrite'::regclass THEN
             (SELECT format('%s %s reads %s.%s', CASE v.relkind WHEN 'v' THEN 'view' WHEN 'm' THEN 'materialized view' ELSE 'a rule of' END,
                            v.oid::regclass, $2::text, a.attname)
              FROM pg_catalog.pg_rewrite r JOIN pg_catalog.pg_class v ON v.oid = r.ev_class WHERE r.oid = d.objid)
           WHEN 'pg_policy'::regclass THEN
             (SELECT format('policy %I of %s reads %s.%s', p.polname, p.polrelid::regclass, $2::text, a.attname)
              FROM pg_catalog.pg_policy p WHERE p.oid = d.objid)
           WHEN 'pg_trigger'::regclass THEN
             (SELECT format('trigger %I of %s names %s.%s', t.tgname, t.tgrelid::regclass, $2::text, a.attname)
              FROM pg_catalog.pg_trigger t WHERE t.oid = d.objid)
           WHEN 'pg_attrdef'::regclass THEN
             (SELECT format('generated column %s.%I is made from %s', $2::text, g.attname, a.attname)
              FROM pg_catalog.pg_attrdef f JOIN pg_catalog.pg_attribute g ON g.attrelid = f.adrelid AND g.attnum = f.adnum
              WHERE f.oid = d.objid)
           WHEN 'pg_publication_rel'::regclass THEN
             (SELECT format('publication %I filters by %s.%s', p.pubname, $2::text, a.attname)
              FROM pg_catalog.pg_publication_rel r JOIN pg_catalog.pg_publication p ON p.oid = r.prpubid WHERE r.oid = d.objid)
           ELSE (SELECT format('function %s reads %s.%s', p.oid::regprocedure, $2::text, a.attname)
                 FROM pg_catalog.pg_proc p WHERE p.oid = d.objid)
         END AS text
  FROM pg_catalog.pg_depend d
  JOIN pg_catalog.pg_attribute a ON a.attrelid = d.refobjid AND a.attnum = d.refobjsubid
  LEFT JOIN pg_catalog.pg_attrdef own ON d.classid = 'pg_attrdef'::regclass AND own.oid = d.objid
  WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = $1 AND d.refobjsubid > 0
    AND d.classid IN ('pg_rewrite'::regclass, 'pg_policy'::regclass, 'pg_trigger'::regclass, 'pg_attrdef'::regclass,
                      'pg_publication_rel'::regclass, 'pg_proc'::regclass)
    -- The column's own default depends on it too.
    AND (own.oid IS NULL OR own.adnum <> d.refobjsubid)
    AND NOT EXISTS (SELECT FROM pg_catalog.pg_trigger i WHERE d.classid = 'pg_trigger'::regclass AND i.oid = d.objid AND i.tgisinternal)
  UNION ALL
  SELECT a.attname::text, 'forbids-rewrite', format('%s is partitioned by %s', $2::text, a.attname)
  FROM pg_catalog.pg_partitioned_table p CROSS JOIN LATERAL unnest(p.partattrs) AS k (attnum)
  JOIN pg_catalog.pg_attribute a ON a.attrelid = p.partrelid AND a.attnum = k.attnum
  WHERE p.partrelid = $1
  UNION ALL
  SELECT a.attname::text, 'forbids-rewrite', format('%s.%s is inherited from another table', $2::text, a.attname)
  FROM pg_catalog.pg_attribute a WHERE a.attrelid = $1 AND a.attinhcount > 0 AND NOT a.attisdropped`;

/** SQL: what a rewrite would do behind somebody's back; an UPDATE tells them. */
const missesRewrite = `
  SELECT NULL AS column, 'misses-rewrite' AS effect, format('trigger %I of %s would not see a rewrite', t.tgname, $2::text) AS text
  FROM pg_catalog.pg_trigger t
  -- Bit 4: it fires on UPDATE.
  WHERE t.tgrelid = $1 AND NOT t.tgisinternal AND t.tgenabled <> 'D' AND t.tgtype & 16 <> 0
  UNION ALL
  SELECT NULL, 'misses-rewrite', format('publication %I does not pass a rewrite on', p.pubname)
  FROM pg_catalog.pg_publication p
  WHERE EXISTS (SELECT FROM pg_catalog.pg_publication_tables t JOIN pg_catalog.pg_class c ON c.relname = t.tablename
                  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace AND n.nspname = t.schemaname
                WHERE t.pubname = p.pubname AND (c.oid = $1 OR c.oid IN (SELECT relid FROM pg_catalog.pg_partition_tree($1))))
  UNION ALL
  SELECT NULL, 'misses-rewrite', format('replication slot %I would have to pass on a whole table at once', s.slot_name)
  FROM pg_catalog.pg_replication_slots s WHERE NOT s.temporary
  UNION ALL
  SELECT a.attname::text, 'misses-rewrite', format('foreign key %I of %s follows %s.%s only in an UPDATE', f.conname, f.conrelid::regclass, $2::text, a.attname)
  FROM pg_catalog.pg_constraint f JOIN pg_catalog.pg_attribute a ON a.attrelid = f.confrelid AND a.attnum = ANY (f.confkey)
  WHERE f.contype = 'f' AND f.confrelid = $1 AND f.conparentid = 0`;

const forbidsBatches = `
  SELECT NULL AS column, 'forbids-batches' AS effect,
         format('the policies of %s hold for its owner too, and would hide rows', $2::text) AS text
  FROM pg_catalog.pg_class c
  WHERE c.oid = $1 AND c.relrowsecurity
    AND NOT (SELECT r.rolsuper OR r.rolbypassrls FROM pg_catalog.pg_roles r WHERE r.rolname = current_user)
    AND (c.relforcerowsecurity OR NOT pg_has_role(c.relowner, 'USAGE'))
  UNION ALL
  SELECT NULL, 'forbids-batches', format('rule %I of %s changes what an UPDATE does', r.rulename, $2::text)
  FROM pg_catalog.pg_rewrite r WHERE r.ev_class = $1 AND r.ev_type = '2' AND r.ev_enabled <> 'D'`;

/**
 * What stands about tables in the catalogue, sorted: nothing in it moves by itself. Safe in a READ ONLY session.
 *
 * @param relations - names as migrations have them; those that are not there are left out
 */
export async function readTableFacts(client: Client, relations: readonly string[]): Promise<TableFacts[]> {
  const facts: TableFacts[] = [];
  for (const relation of new Set(relations)) {
    const { rows: found } = await client.query<{ oid: string | null }>("SELECT to_regclass($1)::oid::text AS oid", [
      relation,
    ]);
    const oid = found[0]?.oid;
    if (!oid) continue;
    const key = await findWalkKey(client, relation, null);
    const { rows: dependents } = await client.query<Dependent>(
      `SELECT DISTINCT "column", effect, text FROM (${forbidsRewrite} UNION ALL ${missesRewrite} UNION ALL ${forbidsBatches}) AS found
       ORDER BY 2, 3, 1`,
      [oid, relation],
    );
    facts.push({ relation, key: key?.columns.map(({ name }) => name) ?? null, dependents });
  }
  return facts;
}
