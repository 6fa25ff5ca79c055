import { soundsSecret } from "../environment/describe";

const shortestSecret = 4;

/**
 * A service's own words without the secrets that it was started with.
 *
 * @param environment - what the service was started with: values of variables that sound secret, and userinfo of URLs,
 *   are taken out
 */
export function withoutSecrets(text: string, environment: Readonly<Record<string, string>>): string {
  const secrets = Object.entries(environment)
    .flatMap(([key, value]) => (soundsSecret(key) ? [value] : userinfo(value)))
    .filter((secret) => secret.length >= shortestSecret)
    .sort((a, b) => b.length - a.length);
  const shown = secrets.reduce((line, secret) => line.replaceAll(secret, "***"), text);
  return shown.replace(/([a-z][a-z0-9+.-]*:\/\/)[^\s/@]*@/gi, "$1***@");
}

function userinfo(value: string): string[] {
  const [, password = ""] = /^[A-Za-z][A-Za-z0-9+.-]*:\/\/[^:/@]*:([^@]*)@/.exec(value) ?? [];
  return password === "" ? [] : [password, safelyDecoded(password)];
}

function safelyDecoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
