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
