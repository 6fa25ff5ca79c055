"use strict";
// A tiny resource provider for the engine's tests: package "demo". It answers what its inputs ask it to answer, and
// writes one line for each call to the file named by DEMO_LOG.
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
  response.setChanges(changed.length ? 2 : 1);
  response.setDiffsList(changed);
  response.setReplacesList(replaces);
  response.setDeletebeforereplace(Boolean(plain(news.deleteFirst)));
  return response;
}

function unary(handler) {
  return (call, callback) => {
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
      if (inputs.partial) throw initFailed(response.getId(), response.getProperties());
    }
    return response;
  },
  async update(request) {
    const inputs = await work(request, "update", request.getPreview());
    const response = new provider.UpdateResponse();
    response.setProperties(outputs(inputs, request.getPreview()));
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
  Object.fromEntries(Object.entries(handlers).map(([name, handler]) => [name, unary(handler)])),
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
