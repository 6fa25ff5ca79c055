/** What docs/settings.md says of a key, with values that it may have. */
export const about = (description: string, ...examples: readonly unknown[]) => ({
  description,
  examples: [...examples],
});
