import { z } from "zod";

import { events, formats } from "../notify/message";
import { isTimezone, weekdays } from "../planner/window";
import { about } from "./about";

const time = z.string().regex(/^([01]\d|2[0-3]):[0-5]\d$/, "must be a time such as 22:00");

/** When an upgrade may begin. */
export const windowSchema = z.strictObject({
  days: z
    .array(z.enum(weekdays))
    .min(1, "must name a day")
    .default([...weekdays])
    .meta(about("Days on which it opens.", ["sat", "sun"])),
  // The whole of every day, unless something is set.
  from: time.default("00:00").meta(about("First minute in it.", "22:00")),
  to: time
    .default("00:00")
    .meta(about("First minute after it; an earlier one than `from` is on the next day.", "04:00")),
  timezone: z
    .string()
    .refine(isTimezone, "is no time zone of this machine; one is Europe/Berlin")
    .default("UTC")
    .meta(about("Whose clocks it goes by. Has to be set where another key of the window is.", "Europe/Berlin")),
});

/** A webhook that is told of an upgrade. */
export const notifySchema = z.strictObject({
  url: z
    .url({ protocol: /^https?$/, error: "must be a URL that begins with https:// or http://" })
    .refine((url) => URL.canParse(url) && new URL(url).username === "", "may not have a user's name in it")
    .meta(about("Where the notice is posted to. A secret.", "https://hooks.example.com/services/T0/B0/x")),
  format: z.enum(formats).default("generic").meta(about("Shape of the JSON.", "slack")),
  events: z
    .array(z.enum(events))
    .min(1, "must name an event")
    .default([...events])
    .meta(about("What is told.", ["failure"])),
});
