/** Quotes an identifier where PostgreSQL's quote_ident would have to; reserved words aside, the text reads as usual. */
export function quoteIdentifier(name: string): string {
  return /^[a-z_][a-z0-9_$]*$/.test(name) ? name : `"${name.replaceAll('"', '""')}"`;
}

/** Quotes an identifier always: for SQL that this program writes. */
export function strictIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A relation's name for humans and as a key: `tasks` when it is in `public`, else `schema.name`. */
export function relationName({ schema, name }: { schema: string; name: string }): string {
  return schema === "public" ? quoteIdentifier(name) : `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`;
}

/** A text as a constant, whatever standard_conforming_strings says. */
export function textLiteral(text: string): string {
  const quoted = `'${text.replaceAll("'", "''").replaceAll("\\", "\\\\")}'`;
  return text.includes("\\") ? `E${quoted}` : quoted;
}

/**
 * Finds what a name in a statement stands for, as PostgreSQL does: a qualified name in its schema, another one in the first
 * schema of the path that has it.
 *
 * @param name - as the statement has it, quoted where it must be
 */
export function findRelation<T extends { readonly schema: string; readonly name: string }>(
  name: string,
  relations: readonly T[],
  searchPath: readonly string[],
): T | undefined {
  const qualified = relations.find(
    (relation) => `${quoteIdentifier(relation.schema)}.${quoteIdentifier(relation.name)}` === name,
  );
  if (qualified) return qualified;
  for (const schema of searchPath) {
    const found = relations.find((relation) => relation.schema === schema && quoteIdentifier(relation.name) === name);
    if (found) return found;
  }
  return undefined;
}
