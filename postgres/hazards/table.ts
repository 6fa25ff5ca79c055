/**
 * What a hazard does. `blocks`: others wait while it works; `breaks`: what runs against the schema of before fails or sees
 * less; `loses`: data is gone; `fails`: it depends on the rows whether it works at all; `unseen`: nobody can tell.
 */
export type HazardEffect = "blocks" | "breaks" | "loses" | "fails" | "unseen";

export interface Hazard {
  readonly effect: HazardEffect;
  /** One sentence: what happens. */
  readonly why: string;
  /** One sentence: what to do instead. */
  readonly instead: string;
}

/**
 * Everything that has to be allowed by name. Names are squawk's where it has the rule; the others follow its convention.
 * docs/hazards.md is this table.
 */
export const hazards = {
  "require-concurrent-index-creation": {
    effect: "blocks",
    why: "nobody can write the table while the index is built",
    instead: "CREATE INDEX CONCURRENTLY in a revision with 'transaction: none'",
  },
  "require-concurrent-index-deletion": {
    effect: "blocks",
    why: "dropping an index waits for every reader of its table, and all others queue behind it",
    instead: "DROP INDEX CONCURRENTLY in a revision with 'transaction: none'",
  },
  "require-concurrent-reindex": {
    effect: "blocks",
    why: "nobody can write the table, or use the index, while it is built anew",
    instead: "REINDEX CONCURRENTLY in a revision with 'transaction: none'",
  },
  "require-concurrent-partition-detach": {
    effect: "blocks",
    why: "detaching a partition locks the parent and the partition for readers and writers",
    instead: "DETACH PARTITION ... CONCURRENTLY, by hand: it cannot run in a transaction",
  },
  "require-concurrent-refresh": {
    effect: "blocks",
    why: "nobody can read the materialized view while it is filled anew",
    instead: "give it a unique index, then REFRESH MATERIALIZED VIEW CONCURRENTLY",
  },
  "attaching-partition": {
    effect: "blocks",
    why: "the table that becomes a partition, and the default partition, are locked and every row of them is read",
    instead: "first ADD a CHECK that proves the bounds NOT VALID, VALIDATE it, then attach and waive this",
  },
  "adding-field-with-default": {
    effect: "blocks",
    why: "a default that gives each row another value rewrites the whole table under ACCESS EXCLUSIVE",
    instead: "add the column without a default, SET DEFAULT, and fill the rows in batches",
  },
  "adding-stored-generated-field": {
    effect: "blocks",
    why: "a stored generated column rewrites the whole table under ACCESS EXCLUSIVE",
    instead: "add an ordinary column, let a trigger keep it, and fill the rows in batches",
  },
  "adding-constrained-domain-field": {
    effect: "blocks",
    why: "a column of a domain that has a constraint rewrites the whole table under ACCESS EXCLUSIVE",
    instead: "add a column of the domain's own type with a CHECK that is NOT VALID",
  },
  "adding-auto-incrementing-field": {
    effect: "blocks",
    why: "a serial or identity column rewrites the whole table under ACCESS EXCLUSIVE",
    instead: "make a new table, or add a nullable column, fill it in batches, and then attach the sequence",
  },
  "ban-alter-generated-expression": {
    effect: "blocks",
    why: "another expression for a stored generated column rewrites the whole table under ACCESS EXCLUSIVE",
    instead: "add a second column and move the readers over",
  },
  "changing-column-type": {
    effect: "blocks",
    why: "another type writes the whole table and its indexes anew under ACCESS EXCLUSIVE, unless both store the same bytes",
    instead: "add a second column, keep both alike with a trigger, fill it in batches, and move the readers over",
  },
  "changing-table-storage": {
    effect: "blocks",
    why: "another tablespace, access method or persistence writes the whole table anew under ACCESS EXCLUSIVE",
    instead: "do it with the services stopped",
  },
  "prefer-repack": {
    effect: "blocks",
    why: "VACUUM FULL and CLUSTER write the whole table anew under ACCESS EXCLUSIVE",
    instead: "plain VACUUM, or pg_repack outside of an upgrade",
  },
  "adding-not-nullable-field": {
    effect: "blocks",
    why: "SET NOT NULL reads every row under ACCESS EXCLUSIVE, unless a valid CHECK (column IS NOT NULL) proves it",
    instead: "ADD CHECK (column IS NOT NULL) NOT VALID, VALIDATE it in a later revision, then SET NOT NULL",
  },
  "adding-required-field": {
    effect: "fails",
    why: "a NOT NULL column without a default cannot be added to a table that has rows, and the old code does not fill it",
    instead: "give it a default, or add it as nullable, fill it, and SET NOT NULL later",
  },
  "adding-foreign-key-constraint": {
    effect: "blocks",
    why: "nobody can write either table while every row is looked up",
    instead: "ADD FOREIGN KEY ... NOT VALID, and VALIDATE CONSTRAINT in a later revision",
  },
  "constraint-missing-not-valid": {
    effect: "blocks",
    why: "every row is read under ACCESS EXCLUSIVE to prove the CHECK",
    instead: "ADD CONSTRAINT ... NOT VALID, and VALIDATE CONSTRAINT in a later revision",
  },
  "validating-under-lock": {
    effect: "blocks",
    why: "the rows are read while the transaction still holds a lock of before that blocks writers",
    instead: "VALIDATE CONSTRAINT in a revision of its own",
  },
  "disallowed-unique-constraint": {
    effect: "blocks",
    why: "the constraint's index is built under ACCESS EXCLUSIVE",
    instead: "CREATE UNIQUE INDEX CONCURRENTLY, then ADD CONSTRAINT ... UNIQUE USING INDEX",
  },
  "adding-primary-key-constraint": {
    effect: "blocks",
    why: "the key's index is built, or every row is read for NULLs, under ACCESS EXCLUSIVE",
    instead: "NOT NULL first, CREATE UNIQUE INDEX CONCURRENTLY, then ADD PRIMARY KEY USING INDEX",
  },
  "adding-exclusion-constraint": {
    effect: "blocks",
    why: "the constraint's index is built under ACCESS EXCLUSIVE, and there is no way around it",
    instead: "do it with the services stopped",
  },
  "ban-alter-domain-with-add-constraint": {
    effect: "blocks",
    why: "every table with a column of the domain is locked against writers and read whole",
    instead: "ALTER DOMAIN ... ADD CONSTRAINT ... NOT VALID, and VALIDATE CONSTRAINT in a later revision",
  },
  "locking-table": {
    effect: "blocks",
    why: "LOCK TABLE keeps writers, or everybody, out until the end of the revision",
    instead: "let the statements take the locks that they need",
  },
  "backfilling-without-batches": {
    effect: "blocks",
    why: "a change of many rows at once keeps them locked until the end, and leaves as many dead ones",
    instead: "change the rows in batches, or with the services stopped",
  },
  "backfilling-under-lock": {
    effect: "blocks",
    why: "rows are changed while the transaction still holds a lock of before that blocks others",
    instead: "change the rows in a revision of their own",
  },
  "renaming-column": {
    effect: "breaks",
    why: "code that knows the column by its old name fails",
    instead: "add a second column, fill it, move the code over, and drop the old one a release later",
  },
  "renaming-table": {
    effect: "breaks",
    why: "code that knows the table or view by its old name fails",
    instead: "leave a view of the old name behind, and waive this",
  },
  "renaming-schema": {
    effect: "breaks",
    why: "code that knows the schema by its old name fails",
    instead: "make a second schema with views, and move the code over",
  },
  "renaming-enum-value": {
    effect: "breaks",
    why: "code that writes or compares with the old value fails",
    instead: "add the new value, change the rows, and leave the old one",
  },
  "ban-set-schema": {
    effect: "breaks",
    why: "code that looks for it in the old schema fails",
    instead: "leave a view of the old name behind, and waive this",
  },
  "ban-drop-column": {
    effect: "loses",
    why: "its values are gone, and code that still names the column fails",
    instead: "drop it in a 'post' revision of a release whose predecessor does not read it, and waive this",
  },
  "ban-drop-table": {
    effect: "loses",
    why: "its rows are gone, and code that still reads the table fails",
    instead: "drop it in a 'post' revision of a release whose predecessor does not read it, and waive this",
  },
  "ban-drop-schema": {
    effect: "loses",
    why: "everything in the schema may be gone",
    instead: "drop what is in it one by one",
  },
  "ban-drop-view": {
    effect: "breaks",
    why: "code that still reads the view fails",
    instead: "drop it a release later",
  },
  "ban-drop-not-null": {
    effect: "breaks",
    why: "code that counts on a value meets NULL",
    instead: "move the readers over first, and waive this",
  },
  "ban-truncate": {
    effect: "loses",
    why: "every row is gone, under ACCESS EXCLUSIVE",
    instead: "DELETE in batches what has to go",
  },
  "ban-truncate-cascade": {
    effect: "loses",
    why: "the rows of every table that refers to it are gone as well",
    instead: "name the tables",
  },
  "ban-drop-cascade": {
    effect: "loses",
    why: "whatever depends on it goes as well, in this installation perhaps more than in others",
    instead: "drop what depends on it by name",
  },
  "ban-add-enum-value": {
    effect: "breaks",
    why: "the running code meets a value that it does not know, and a value can never be removed",
    instead: "use text with a CHECK, or see that the code knows it, and waive this",
  },
  "prefer-jsonb": {
    effect: "breaks",
    why: "json has no equality, so SELECT DISTINCT and GROUP BY on the table begin to fail",
    instead: "jsonb",
  },
  "enabling-row-security": {
    effect: "breaks",
    why: "without a policy for them, roles other than the owner see no row any more",
    instead: "make the policies first, in the same revision, and waive this",
  },
  "ban-disable-trigger": {
    effect: "breaks",
    why: "what the trigger, or a foreign key, keeps right is not kept right meanwhile",
    instead: "leave triggers on",
  },
  "ban-revoke": {
    effect: "breaks",
    why: "roles that work with it now may not any more",
    instead: "see that nobody needs the right, and waive this",
  },
  "ban-unseen-code": {
    effect: "unseen",
    why: "what a DO block or a procedure does is not seen: neither its locks nor its hazards",
    instead: "write the statements into the migration",
  },
} as const satisfies Record<string, Hazard>;

export type HazardName = keyof typeof hazards;

/** The hazard of that name; undefined for an unknown one. */
export function hazardNamed(name: string): Hazard | undefined {
  return isHazardName(name) ? hazards[name] : undefined;
}

export function isHazardName(name: string): name is HazardName {
  return Object.hasOwn(hazards, name);
}
