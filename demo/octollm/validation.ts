import type { Behaviour } from "./behaviour";
import type { NewTask } from "./tasks";

/** One fault of a request, in the form of FastAPI. */
export interface Fault {
  readonly loc: readonly string[];
  readonly msg: string;
  readonly type: string;
}

/** A request that is answered with 422 and its faults. */
export class ValidationError extends Error {
  readonly faults: readonly Fault[];

  constructor(faults: readonly Fault[]) {
    super(faults.map(({ msg }) => msg).join("; "));
    this.name = "ValidationError";
    this.faults = faults;
  }
}

const statuses = ["pending", "running", "completed", "failed"];
const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function isWebUrl(value: unknown): boolean {
  return typeof value === "string" && URL.canParse(value) && /^https?:$/.test(new URL(value).protocol);
}

function integerFault(value: unknown, loc: readonly string[], least: number, most: number): Fault[] {
  if (typeof value !== "number" || !Number.isInteger(value))
    return [{ loc, msg: "Input should be a valid integer", type: "int_type" }];
  if (value < least)
    return [{ loc, msg: `Input should be greater than or equal to ${least}`, type: "greater_than_equal" }];
  if (value > most) return [{ loc, msg: `Input should be less than or equal to ${most}`, type: "less_than_equal" }];
  return [];
}

/** Reads the body of a new task. @throws ValidationError with all its faults */
export function readNewTask(body: string, { priority: scale }: Behaviour): NewTask {
  let sent: unknown;
  try {
    sent = JSON.parse(body);
  } catch {
    throw new ValidationError([{ loc: ["body"], msg: "JSON decode error", type: "json_invalid" }]);
  }
  if (!isObject(sent))
    throw new ValidationError([{ loc: ["body"], msg: "Input should be a valid dictionary", type: "dict_type" }]);
  const { description, priority = scale.usual, context = {}, webhook_url = null } = sent;
  const faults = integerFault(priority, ["body", "priority"], scale.least, scale.most);
  if (typeof description !== "string" || description.trim() === "" || description.includes("\0"))
    faults.push({ loc: ["body", "description"], msg: "Input should be a valid string", type: "string_type" });
  if (!isObject(context) || JSON.stringify(context).includes("\\u0000"))
    faults.push({ loc: ["body", "context"], msg: "Input should be a valid dictionary", type: "dict_type" });
  if (webhook_url !== null && !isWebUrl(webhook_url))
    faults.push({ loc: ["body", "webhook_url"], msg: "Input should be a valid URL", type: "url_parsing" });
  if (faults.length > 0) throw new ValidationError(faults);
  return { description, priority, context, webhook_url } as NewTask;
}

/** Reads the query of a list. @throws ValidationError with all its faults */
export function readListQuery(query: URLSearchParams): { limit: number; status: string | null } {
  const text = query.get("limit") ?? "50";
  const limit = /^-?\d+$/.test(text) ? Number(text) : NaN;
  const status = query.get("status");
  const faults = integerFault(limit, ["query", "limit"], 1, 1000);
  if (status !== null && !statuses.includes(status))
    faults.push({ loc: ["query", "status"], msg: `Input should be one of ${statuses.join(", ")}`, type: "enum" });
  if (faults.length > 0) throw new ValidationError(faults);
  return { limit, status };
}

/** Checks the id in a path. @throws ValidationError */
export function readTaskId(text: string): string {
  if (uuid.test(text)) return text.toLowerCase();
  throw new ValidationError([{ loc: ["path", "task_id"], msg: "Input should be a valid UUID", type: "uuid_parsing" }]);
}
