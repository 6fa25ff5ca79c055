/** A fault of the catalogue, with the place to look at. */
export interface CatalogueFault {
  readonly file: string;
  /** 1-based, when the fault has a line. */
  readonly line?: number;
  readonly reason: string;
}

/** The catalogue cannot be used; every fault found in it is listed, none was acted on. */
export class CatalogueError extends Error {
  readonly faults: readonly CatalogueFault[];

  constructor(faults: readonly CatalogueFault[]) {
    const lines = faults.map(({ file, line, reason }) => `  ${file}${line ? `:${line}` : ""}: ${reason}`);
    super(`The release catalogue is broken; nothing was touched. Correct:\n${lines.join("\n")}`);
    this.name = "CatalogueError";
    this.faults = faults;
  }
}
