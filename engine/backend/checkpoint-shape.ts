import { z } from "zod";

const resource = z.looseObject({
  urn: z.string(),
  type: z.string(),
  parent: z.string().nullish(),
  provider: z.string().nullish(),
  dependencies: z.array(z.string()).nullish(),
});

/** As much of a checkpoint as is relied on; everything else passes. */
const shape = z.looseObject({
  version: z.number(),
  features: z.array(z.string()).nullish(),
  checkpoint: z.looseObject({
    latest: z
      .looseObject({
        secrets_providers: z
          .looseObject({ type: z.string(), state: z.looseObject({ salt: z.string().nullish() }).nullish() })
          .nullish(),
        resources: z.array(resource).nullish(),
        pending_operations: z.array(z.looseObject({ resource, type: z.string() })).nullish(),
      })
      .nullish(),
  }),
});

/** What is wrong with something that should be a checkpoint: the first fault, with its place; null when it is one. */
export function faultOfCheckpoint(value: unknown): string | null {
  const result = shape.safeParse(value);
  if (result.success) return null;
  const [issue] = result.error.issues;
  const place = issue?.path.join(".") ?? "";
  return place === "" ? "it is not a checkpoint" : `'${place}' is not what a checkpoint has there (${issue?.message})`;
}
