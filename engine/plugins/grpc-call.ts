import { type ClientUnaryCall, Metadata, type ServiceError, status as Code } from "@grpc/grpc-js";
import { ErrorResourceInitFailed } from "@pulumi/pulumi/proto/provider_pb";
import { Status } from "@pulumi/pulumi/proto/status_pb";

import { fromStruct } from "../property/wire";
import { InitError } from "./provider";

/** Messages may be as big as Pulumi's own. */
export const channelOptions = {
  "grpc.max_receive_message_length": 400 * 1024 * 1024,
  "grpc.max_send_message_length": -1,
};

type Method<Request, Response> = (
  request: Request,
  callback: (error: ServiceError | null, response: Response) => void,
) => ClientUnaryCall;

/** One unary call as a promise; a partial failure comes out as an InitError, any other failure with the plugin's text. */
export function call<Request, Response>(method: Method<Request, Response>, request: Request): Promise<Response> {
  return new Promise((resolve, reject) => {
    method(request, (error, response) => {
      if (error) reject(readError(error));
      else resolve(response);
    });
  });
}

/** A failure of a provider: what it said, and by which gRPC code. */
export class ProviderError extends Error {
  readonly code: number;

  constructor(code: number, message: string) {
    super(message);
    this.name = "ProviderError";
    this.code = code;
  }
}

export const isUnimplemented = (error: unknown): boolean =>
  error instanceof ProviderError && error.code === Number(Code.UNIMPLEMENTED);

function readError(error: ServiceError): Error {
  const metadata: unknown = error.metadata;
  const [packed] = metadata instanceof Metadata ? metadata.get("grpc-status-details-bin") : [];
  if (packed instanceof Buffer) {
    for (const detail of Status.deserializeBinary(packed).getDetailsList()) {
      if (!detail.getTypeUrl().endsWith("ErrorResourceInitFailed")) continue;
      const failed = ErrorResourceInitFailed.deserializeBinary(detail.getValue_asU8());
      const inputs = failed.getInputs();
      return new InitError(
        failed.getId(),
        fromStruct(failed.getProperties()),
        inputs && fromStruct(inputs),
        failed.getReasonsList(),
      );
    }
  }
  return new ProviderError(error.code, error.details || error.message);
}
