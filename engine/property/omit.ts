/** A copy of an object without some of its keys. */
export function omit<Source extends object, Key extends keyof Source & string>(
  source: Source,
  ...keys: Key[]
): Omit<Source, Key> {
  const left = Object.entries(source).filter(([key]) => !(keys as string[]).includes(key));
  return Object.fromEntries(left) as Omit<Source, Key>;
}
