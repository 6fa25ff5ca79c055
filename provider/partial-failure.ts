import * as grpc from "@grpc/grpc-js";
import { ErrorResourceInitFailed } from "@pulumi/pulumi/proto/provider_pb";
import { Status } from "@pulumi/pulumi/proto/status_pb";
import { Any } from "google-protobuf/google/protobuf/any_pb";

import { encodeProperties } from "./codec";
import type { PartialFailure } from "./resources/resource";

/** The gRPC status with which the engine keeps a half-done resource with its outputs, and fails the run. */
export function partialFailureStatus({ message, id, outputs }: PartialFailure): Partial<grpc.StatusObject> {
  const detail = new ErrorResourceInitFailed();
  detail.setId(id);
  detail.setProperties(encodeProperties(outputs));
  detail.setReasonsList([message]);
  const any = new Any();
  any.pack(detail.serializeBinary(), "pulumirpc.ErrorResourceInitFailed");
  const status = new Status();
  status.setCode(grpc.status.UNKNOWN);
  status.setMessage(message);
  status.addDetails(any);
  const metadata = new grpc.Metadata();
  // Where Go's gRPC looks for structured details.
  metadata.add("grpc-status-details-bin", Buffer.from(status.serializeBinary()));
  return { code: grpc.status.UNKNOWN, details: message, metadata };
}
