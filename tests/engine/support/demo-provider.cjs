"use strict";
// A tiny resource provider for the engine's tests: package "demo". It answers what its inputs ask it to answer, writes one
// line for each call to the file named by DEMO_LOG, and everything it was asked, as JSON, to the one named by DEMO_TRACE.
const fs = require("node:fs");
const path = require("node:path");
const timers = require("node:timers/promises");
const here = (name) => require(require.resolve(name, { paths: [process.cwd(), __dirname] }));
const grpc = here("@grpc/grpc-js");
const provider = here("@pulumi/pulumi/proto/provider_pb.js");
const service = here("@pulumi/pulumi/proto/provider_grpc_pb.js");
const engineRpc = here("@pulumi/pulumi/proto/engine_grpc_pb.js");
const engineMessages = here("@pulumi/pulumi/proto/engine_pb.js");

const status = here("@pulumi/pulumi/proto/status_pb.js");
const plugin = here("@pulumi/pulumi/proto/plugin_pb.js");
const any = here("google-protobuf/google/protobuf/any_pb.js");
const empty = here("google-protobuf/google/protobuf/empty_pb.js");
const { Struct } = here("google-protobuf/google/protobuf/struct_pb.js");

const SIGNATURE = "4dabf18193072939515e22adb298388d";
const UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9";
let engine;

function note(line) {
  if (process.env.DEMO_LOG) fs.appendFileSync(process.env.DEMO_LOG, `${line}\n`);
}

const traced = ["Olds", "OldInputs", "News", "Args", "Inputs", "Properties"];

/** One call with everything in it, an empty thing as if it were not there. */
function trace(call, request) {
  if (!process.env.DEMO_TRACE || !request.getUrn) return;
  const asked = { call, urn: request.getUrn(), id: request.getId?.() };
  for (const name of traced) if (request[`get${name}`]?.()) asked[name] = values(request[`get${name}`]());
  asked.ignoreChanges = request.getIgnorechangesList?.();
  asked.timeout = request.getTimeout?.();
  asked.preview = request.getPreview?.();
  const full = Object.entries(asked).filter(
    ([, value]) => value && (typeof value !== "object" || Object.keys(value).length),
  );
  fs.appendFileSync(process.env.DEMO_TRACE, `${JSON.stringify(Object.fromEntries(full))}\n`);
}

const values = (struct) => (struct ? struct.toJavaScript() : {});
const plain = (value) => (value && typeof value === "object" && SIGNATURE in value ? value.value : value);

async function say(urn, severity, message, ephemeral = false) {
  if (!engine) return;
  const request = new engineMessages.LogRequest();
  request.setUrn(urn);
  request.setSeverity(engineMessages.LogSeverity[severity]);
  request.setMessage(message);
  request.setEphemeral(ephemeral);
  await new Promise((done) => engine.log(request, done));
}

function outputs(inputs, preview) {
  const result = { ...inputs };
  if (preview) result.computed = UNKNOWN;
  else result.computed = `computed-${JSON.stringify(plain(inputs.value) ?? null)}`;
  return Struct.fromJavaScript(result);
}

function initFailed(id, properties) {
  const detail = new provider.ErrorResourceInitFailed();
  detail.setId(id);
  detail.setProperties(properties);
  detail.setReasonsList(["half made"]);
  const wrapped = new any.Any();
  wrapped.pack(detail.serializeBinary(), "pulumirpc.ErrorResourceInitFailed");
  const message = new status.Status();
  message.setCode(grpc.status.UNKNOWN);
  message.setMessage("half made");
  message.addDetails(wrapped);
  const metadata = new grpc.Metadata();
  metadata.add("grpc-status-details-bin", globalThis.Buffer.from(message.serializeBinary()));
  return { code: grpc.status.UNKNOWN, details: "half made", metadata };
}

async function work(request, word, preview) {
  const inputs = values(request.getProperties?.() ?? request.getNews());
  const name = request.getUrn().split("::").pop();
  if (!preview) {
    note(`${word} ${name}`);
    await say(request.getUrn(), "INFO", `${word} ${name} is under way`, true);
    if (inputs.sleep) await timers.setTimeout(inputs.sleep);
    if (inputs.say) await say(request.getUrn(), "INFO", inputs.say);
    if (inputs.warn) await say(request.getUrn(), "WARNING", inputs.warn);
    if (inputs.fail === word)
      throw Object.assign(new Error(`${name} will not be ${word}d`), { code: grpc.status.UNKNOWN });
    note(`${word} ${name} done`);
  }
  return inputs;
}

function diff(request) {
  const olds = values(request.getOldInputs());
  const news = values(request.getNews());
  const response = new provider.DiffResponse();
  const changed = [...new Set([...Object.keys(olds), ...Object.keys(news)])].filter(
    (key) => JSON.stringify(olds[key]) !== JSON.stringify(news[key]) && !request.getIgnorechangesList().includes(key),
  );
  const replaces = changed.filter((key) => key.startsWith("replace"));
  response.setDeletebeforereplace(Boolean(plain(news.deleteFirst)));
  if (news.unknownDiff) return response;
  response.setChanges(changed.length ? 2 : 1);
  response.setDiffsList(changed);
  response.setReplacesList(replaces);
  if (news.detailed) {
    response.setHasdetaileddiff(true);
    for (const key of changed) {
      const change = new provider.PropertyDiff();
      const kind = key in olds ? (key in news ? 4 : 2) : 0;
      change.setKind(replaces.includes(key) ? kind + 1 : kind);
      change.setInputdiff(news.detailed === "inputs");
      response.getDetaileddiffMap().set(key, change);
    }
  }
  return response;
}

function unary(name, handler) {
  return (call, callback) => {
    trace(name, call.request);
    Promise.resolve()
      .then(() => handler(call.request))
      .then(
        (response) => callback(null, response),
        (error) =>
          callback({
            code: error.code ?? grpc.status.INTERNAL,
            details: error.message,
            ...(error.details ? error : {}),
          }),
      );
  };
}

const handlers = {
  handshake(request) {
    engine = new engineRpc.EngineClient(request.getEngineAddress(), grpc.credentials.createInsecure());
    note(`handshake ${path.basename(request.getRootDirectory() || "none")}`);
    const response = new provider.ProviderHandshakeResponse();
    response.setAcceptSecrets(true);
    response.setAcceptResources(true);
    response.setAcceptOutputs(true);
    return response;
  },
  checkConfig(request) {
    const response = new provider.CheckResponse();
    response.setInputs(request.getNews());
    return response;
  },
  diffConfig(request) {
    const [olds, news] = [values(request.getOldInputs()), values(request.getNews())];
    const response = new provider.DiffResponse();
    const changed = ["region", "account"].filter((key) => JSON.stringify(olds[key]) !== JSON.stringify(news[key]));
    response.setChanges(changed.length ? 2 : 1);
    response.setDiffsList(changed);
    response.setReplacesList(changed.filter((key) => key === "account"));
    return response;
  },
  invoke(request) {
    const response = new provider.InvokeResponse();
    response.setReturn(request.getArgs());
    return response;
  },
  configure(request) {
    note(`configure ${JSON.stringify(values(request.getArgs()))} PULUMI_CONFIG=${process.env.PULUMI_CONFIG}`);
    const response = new provider.ConfigureResponse();
    response.setAcceptsecrets(true);
    response.setAcceptresources(true);
    response.setSupportspreview(true);
    return response;
  },
  getPluginInfo: () => new plugin.PluginInfo(),
  check(request) {
    const news = values(request.getNews());
    const response = new provider.CheckResponse();
    if (plain(news.value) === "forbidden") {
      const failure = new provider.CheckFailure();
      failure.setProperty("value");
      failure.setReason("this value is forbidden");
      response.addFailures(failure);
    }
    response.setInputs(request.getNews());
    return response;
  },
  diff,
  async create(request) {
    const inputs = await work(request, "create", request.getPreview());
    const response = new provider.CreateResponse();
    response.setProperties(outputs(inputs, request.getPreview()));
    if (!request.getPreview()) {
      response.setId(`${request.getUrn().split("::").pop()}-${Math.random().toString(16).slice(2, 8)}`);
      if (inputs.partial === true) throw initFailed(response.getId(), response.getProperties());
    }
    return response;
  },
  async update(request) {
    const inputs = await work(request, "update", request.getPreview());
    const response = new provider.UpdateResponse();
    response.setProperties(outputs(inputs, request.getPreview()));
    if (inputs.partial === "update" && !request.getPreview())
      throw initFailed(request.getId(), response.getProperties());
    return response;
  },
  async delete(request) {
    await work({ getUrn: () => request.getUrn(), getNews: () => request.getProperties() }, "delete", false);
    return new empty.Empty();
  },
  // What is "really there" is what the file outside.json says of a name; without it, what the state says.
  read(request) {
    const name = request.getUrn().split("::").pop();
    const response = new provider.ReadResponse();
    note(`read ${name}`);
    const really = fs.existsSync("outside.json")
      ? JSON.parse(fs.readFileSync("outside.json", "utf8"))[name]
      : undefined;
    if (really?.fail) throw Object.assign(new Error(really.fail), { code: grpc.status.FAILED_PRECONDITION });
    if (really?.gone) return response;
    response.setId(request.getId());
    const inputs = { ...values(request.getInputs()), ...really?.inputs };
    response.setInputs(Struct.fromJavaScript(inputs));
    const known = request.hasInputs() ? values(request.getProperties()) : outputs(inputs, false).toJavaScript();
    response.setProperties(Struct.fromJavaScript({ ...known, ...really?.inputs, ...really?.outputs }));
    if (really?.unhealthy) throw initFailed(response.getId(), response.getProperties());
    return response;
  },
  cancel() {
    note("cancel");
    return new empty.Empty();
  },
};

const server = new grpc.Server();
server.addService(
  service.ResourceProviderService,
  Object.fromEntries(Object.entries(handlers).map(([name, handler]) => [name, unary(name, handler)])),
);
process.stdin.on("end", () => {
  note("end of input");
  process.exit(0);
});
process.stdin.resume();
server.bindAsync("127.0.0.1:0", grpc.ServerCredentials.createInsecure(), (error, port) => {
  if (error) throw error;
  note(`pid ${process.pid}`);
  process.stdout.write(`${port}\n`);
});
