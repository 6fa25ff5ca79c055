import { readFileSync } from "node:fs";
import { join } from "node:path";

/** Version of this program, as package.json says it. */
export const programVersion = (JSON.parse(readFileSync(join(__dirname, "package.json"), "utf8")) as { version: string })
  .version;
