import type { CommonSpec } from "./runtime";

/** Where requests to a service go. @param path - begins with '/' */
export function serviceUrl({ port }: Pick<CommonSpec, "port">, path: string): string {
  return `http://127.0.0.1:${port}${path}`;
}
