import { z } from "zod";

export const text = z.string().min(1, "must not be empty");
/** In seconds, a day at most. */
export const seconds = z.int().min(1).max(86_400);
