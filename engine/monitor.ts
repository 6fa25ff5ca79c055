import { type handleUnaryCall, Server, ServerCredentials, status as Code } from "@grpc/grpc-js";
import { EngineService } from "@pulumi/pulumi/proto/engine_grpc_pb";
import * as engineRpc from "@pulumi/pulumi/proto/engine_pb";
import { CheckFailure, InvokeResponse } from "@pulumi/pulumi/proto/provider_pb";
import { ResourceMonitorService } from "@pulumi/pulumi/proto/resource_grpc_pb";
import * as rpc from "@pulumi/pulumi/proto/resource_pb";
import { Empty } from "google-protobuf/google/protobuf/empty_pb";

import type { Deployment } from "./deploy/deployment";
import type { Diagnostic, EventSink, Severity } from "./deploy/events";
import { goalOf, readGoalOf } from "./deploy/registration";
import { CancelledError } from "./deploy/step-executor";
import { ExitCode, messageOf, NotImplementedError } from "./errors";
import { channelOptions } from "./plugins/grpc-call";
import { containsUnknowns } from "./property/value";
import { fromStruct, toStruct } from "./property/wire";

/** What the engine says it can do: what changes the encoding of values must be as with the Pulumi CLI. */
const features: Record<string, rpc.ResourceMonitorFeature> = {
  secrets: rpc.ResourceMonitorFeature.RESOURCE_MONITOR_FEATURE_SECRETS,
  resourceReferences: rpc.ResourceMonitorFeature.RESOURCE_MONITOR_FEATURE_RESOURCE_REFERENCES,
  outputValues: rpc.ResourceMonitorFeature.RESOURCE_MONITOR_FEATURE_OUTPUT_VALUES,
  aliasSpecs: rpc.ResourceMonitorFeature.RESOURCE_MONITOR_FEATURE_ALIAS_SPECS,
  replacementTrigger: rpc.ResourceMonitorFeature.RESOURCE_MONITOR_FEATURE_REPLACEMENT_TRIGGER,
  deletedWith: rpc.ResourceMonitorFeature.RESOURCE_MONITOR_FEATURE_DELETED_WITH,
};

const severities: Severity[] = ["debug", "info", "warning", "error"];

/** Where program and plugins reach the engine. */
export interface Monitor {
  address: string;
  close(): void;
}

export interface MonitorContext {
  root: string;
  preview: boolean;
  emit: EventSink;
  /** Undefined while a plugin is only asked for its settings. */
  deployment(): Deployment;
}

function unary<Request, Response>(
  handler: (request: Request) => Promise<Response> | Response,
): handleUnaryCall<Request, Response> {
  return (call, callback) => {
    Promise.resolve()
      .then(() => handler(call.request))
      .then(
        (response) => callback(null, response),
        // CANCELLED makes the SDK end quietly: what went wrong has been reported.
        (error: unknown) => callback({ code: Code.CANCELLED, details: messageOf(error) }),
      );
  };
}

/** Reports what a call refuses, and ends the program. */
function reported<Request, Response>(
  context: MonitorContext,
  handler: (request: Request) => Promise<Response>,
): handleUnaryCall<Request, Response> {
  return unary(async (request: Request) => {
    try {
      return await handler(request);
    } catch (error) {
      if (!(error instanceof CancelledError)) context.deployment().fail("", messageOf(error));
      throw error;
    }
  });
}

function refuse(context: MonitorContext, what: string): handleUnaryCall<unknown, unknown> {
  return reported(context, () => Promise.reject(new NotImplementedError(what)));
}

async function registerResource(
  context: MonitorContext,
  request: rpc.RegisterResourceRequest,
): Promise<rpc.RegisterResourceResponse> {
  const goal = goalOf(request, context.root);
  const state = await context.deployment().register(goal);
  const response = new rpc.RegisterResourceResponse();
  response.setUrn(state.urn);
  response.setResult(rpc.Result.SUCCESS);
  // A component answers with nothing: its old outputs may speak of resources that are not registered yet.
  response.setObject(toStruct(goal.custom ? (state.outputs ?? {}) : {}));
  if (goal.custom) response.setId(state.id ?? "");
  return response;
}

async function readResource(
  context: MonitorContext,
  request: rpc.ReadResourceRequest,
): Promise<rpc.ReadResourceResponse> {
  if (request.getType() === "pulumi:pulumi:StackReference") throw new NotImplementedError("stack references");
  const state = await context.deployment().register(readGoalOf(request, context.root));
  const response = new rpc.ReadResourceResponse();
  response.setUrn(state.urn);
  response.setProperties(toStruct(state.outputs ?? {}));
  return response;
}

async function invoke(context: MonitorContext, request: rpc.ResourceInvokeRequest): Promise<InvokeResponse> {
  const token = request.getTok();
  if (token.startsWith("pulumi:pulumi:")) throw new NotImplementedError(`the function '${token}'`);
  const args = fromStruct(request.getArgs());
  const packageName = token.slice(0, token.indexOf(":"));
  const provider = await context.deployment().providerFor(packageName, request.getProvider(), request.getVersion());
  const response = new InvokeResponse();
  if (containsUnknowns(args)) return response;
  const { inputs, failures } = await provider.invoke(token, args, context.preview);
  response.setReturn(toStruct(inputs));
  response.setFailuresList(
    failures.map(({ property, reason }) => {
      const failure = new CheckFailure();
      failure.setProperty(property);
      failure.setReason(reason);
      return failure;
    }),
  );
  return response;
}

function monitorHandlers(context: MonitorContext): Record<string, handleUnaryCall<never, unknown>> {
  return {
    getDeploymentInfo: unary(() => {
      const info = new rpc.DeploymentInfo();
      info.setSupportedfeaturesList(Object.values(features));
      return info;
    }),
    supportsFeature: unary((request: rpc.SupportsFeatureRequest) => {
      const response = new rpc.SupportsFeatureResponse();
      response.setHassupport(request.getId() in features);
      return response;
    }),
    registerResource: reported(context, (request: rpc.RegisterResourceRequest) => registerResource(context, request)),
    registerResourceOutputs: reported(context, async (request: rpc.RegisterResourceOutputsRequest) => {
      await context.deployment().registerOutputs(request.getUrn(), fromStruct(request.getOutputs()));
      return new Empty();
    }),
    signalAndWaitForShutdown: unary(async () => {
      await context.deployment().finish();
      return new Empty();
    }),
    invoke: reported(context, (request: rpc.ResourceInvokeRequest) => invoke(context, request)),
    readResource: reported(context, (request: rpc.ReadResourceRequest) => readResource(context, request)),
    call: refuse(context, "calls of methods of remote components"),
    registerStackTransform: refuse(context, "resource transforms"),
    registerStackInvokeTransform: refuse(context, "invoke transforms"),
    registerResourceHook: refuse(context, "resource hooks"),
    registerErrorHook: refuse(context, "error hooks"),
    registerPackage: refuse(context, "parameterized packages"),
  };
}

function engineHandlers(context: MonitorContext): Record<string, handleUnaryCall<never, unknown>> {
  let rootUrn = "";
  return {
    log: unary((request: engineRpc.LogRequest) => {
      const diagnostic: Diagnostic = {
        urn: request.getUrn(),
        severity: severities[request.getSeverity()] ?? "info",
        message: request.getMessage(),
        ephemeral: request.getEphemeral(),
        streamId: request.getStreamid(),
      };
      if (diagnostic.severity !== "debug") context.emit({ kind: "diagnostic", diagnostic });
      return new Empty();
    }),
    getRootResource: unary(() => {
      const response = new engineRpc.GetRootResourceResponse();
      response.setUrn(rootUrn);
      return response;
    }),
    setRootResource: unary((request: engineRpc.SetRootResourceRequest) => {
      rootUrn = request.getUrn();
      return new engineRpc.SetRootResourceResponse();
    }),
    startDebugging: refuse(context, "attaching a debugger"),
    requirePulumiVersion: unary(() => new engineRpc.RequirePulumiVersionResponse()),
  };
}

/** Serves the engine's side of Pulumi's protocol on a free port of this machine. */
export async function serveMonitor(context: MonitorContext): Promise<Monitor> {
  const server = new Server(channelOptions);
  server.addService(ResourceMonitorService, monitorHandlers(context) as never);
  server.addService(EngineService, engineHandlers(context) as never);
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync("127.0.0.1:0", ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  return { address: `127.0.0.1:${port}`, close: () => server.forceShutdown() };
}

/** Exit codes by which the SDK says how the program ended. */
export const programExit = { success: 0, alreadyReported: 32, failure: ExitCode.error } as const;
