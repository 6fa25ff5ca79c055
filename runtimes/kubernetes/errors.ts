import type { ClusterPlace } from "../runtime";

/** A cluster cannot be asked, or refused. The text says which server and context it was, and what to do. */
export class ClusterError extends Error {
  /** HTTP status of the server's answer; null when it gave none. */
  readonly status: number | null;
  /** Whether it may well pass by itself, as when the server is being restarted. */
  readonly passes: boolean;

  constructor(message: string, status: number | null, options: ErrorOptions & { readonly passes?: boolean } = {}) {
    super(message, options);
    this.name = "ClusterError";
    this.status = status;
    this.passes = options.passes ?? false;
  }
}

/** Which server it is about. */
export interface Contacted {
  readonly server: string;
  readonly context: string;
}

/** The server, as errors name it. */
export function describeServer({ server, context }: Contacted): string {
  return `The Kubernetes API server ${server} (context '${context}')`;
}

/** Whether a kubeconfig is given by its contents, which are secret, instead of its path. */
export const isContents = (kubeconfig: string): boolean => /[\n{]/.test(kubeconfig);

/** `kubectl` with the words that make it ask the same server. */
export function kubectl({ kubeconfig, namespace }: ClusterPlace, context: string, words: string): string {
  const config = kubeconfig === "" || isContents(kubeconfig) ? "" : ` --kubeconfig ${kubeconfig}`;
  return `kubectl${config} --context ${context} -n ${namespace} ${words}`;
}

/** What is wrong when there is no such namespace. */
export function noNamespace({ namespace }: ClusterPlace, contacted: Contacted): ClusterError {
  return new ClusterError(
    `${describeServer(contacted)} has no namespace '${namespace}'. See which there are: kubectl --context ${contacted.context} ` +
      `get namespaces. Correct it: octollm config set --path kubernetes.namespace <name>`,
    404,
  );
}

const unreachable: Readonly<Record<string, string>> = {
  ECONNREFUSED: "nothing listens there",
  ENOTFOUND: "its host is not known",
  EAI_AGAIN: "the name server does not answer",
  EHOSTUNREACH: "there is no way to its host",
  ENETUNREACH: "there is no way to its network",
  ETIMEDOUT: "it does not answer",
  ECONNRESET: "it closed the connection",
  EPIPE: "it closed the connection",
};

const untrusted: Readonly<Record<string, string>> = {
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: "its certificate is not signed by the kubeconfig's authority",
  SELF_SIGNED_CERT_IN_CHAIN: "its certificate is not signed by the kubeconfig's authority",
  DEPTH_ZERO_SELF_SIGNED_CERT: "its certificate is not signed by the kubeconfig's authority",
  CERT_SIGNATURE_FAILURE: "its certificate is not signed by the kubeconfig's authority",
  UNABLE_TO_GET_ISSUER_CERT: "its certificate is not signed by the kubeconfig's authority",
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: "its certificate is not signed by the kubeconfig's authority",
  CERT_HAS_EXPIRED: "its certificate has expired",
  ERR_TLS_CERT_ALTNAME_INVALID: "its certificate is for another host",
};

/** What is wrong when there was no answer at all. */
export function unansweredError(place: ClusterPlace, contacted: Contacted, fault: unknown): ClusterError {
  const { code = "", message } = fault as NodeJS.ErrnoException;
  const subject = describeServer(contacted);
  const look = kubectl(place, contacted.context, "version");
  const distrust =
    untrusted[code] ?? (/^(ERR_SSL|ERR_TLS|EPROTO)/.test(code) ? "it does not speak TLS as it should" : "");
  if (distrust !== "")
    return new ClusterError(
      `${subject} is not trusted: ${distrust}. Correct certificate-authority or server in the kubeconfig; '${look}' says the same.`,
      null,
      { cause: fault },
    );
  return new ClusterError(
    `${subject} cannot be reached: ${unreachable[code] ?? message}. Look with '${look}', or correct octollm:kubernetes.kubeconfig ` +
      `and octollm:kubernetes.context.`,
    null,
    { cause: fault, passes: code in unreachable },
  );
}

/** What the server says with a status that is no success. */
export interface Refusal {
  readonly status: number;
  /** Its own words. */
  readonly message: string;
}

/** What is wrong when the server has refused. */
export function refusedError(place: ClusterPlace, contacted: Contacted, { status, message }: Refusal): ClusterError {
  const subject = describeServer(contacted);
  if (status === 401)
    return new ClusterError(
      `${subject} does not know who this is (401): the token or certificate of the kubeconfig has expired or is wrong. Log in ` +
        `again, then look with '${kubectl(place, contacted.context, "auth whoami")}'.`,
      status,
    );
  if (status === 403)
    return new ClusterError(
      `${subject} forbids it: ${message}. docs/kubernetes-role.yaml is the least Role that this program needs.`,
      status,
    );
  return new ClusterError(`${subject} answered ${status}: ${message}`, status, {
    passes: status === 429 || status >= 500,
  });
}
