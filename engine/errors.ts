/** Exit codes, the same numbers as Pulumi's. */
export const ExitCode = {
  success: 0,
  error: 1,
  configuration: 2,
  stackNotFound: 6,
  noChanges: 7,
  cancelled: 8,
  internal: 255,
} as const;

/** Something an operator can act on: shown as text, without a stack trace. */
export class OperatorError extends Error {
  readonly exitCode: number;

  constructor(message: string, exitCode: number = ExitCode.error) {
    super(message);
    this.name = "OperatorError";
    this.exitCode = exitCode;
  }
}

/** A feature of Pulumi's that this engine does not have: refused by its name, before anything is done. */
export class NotImplementedError extends OperatorError {
  constructor(feature: string, instead = "Use the Pulumi CLI for it: the state is the same.") {
    super(`the standalone engine does not implement ${feature}. ${instead}`, ExitCode.internal);
    this.name = "NotImplementedError";
  }
}

/** The text of whatever was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
