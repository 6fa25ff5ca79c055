import type { DatabaseAddress } from "../postgres/connection";

/**
 * Environment in which libpq's programs reach a database. The password is in it and nowhere else: arguments can be read
 * by every user of the machine, an environment only by its owner. Settings of the caller's own environment are left out.
 */
export function libpqEnvironment(address: DatabaseAddress): NodeJS.ProcessEnv {
  const inherited = Object.entries(process.env).filter(([key]) => !/^PG[A-Z]/.test(key));
  const { ssl } = address;
  return {
    ...Object.fromEntries(inherited),
    LC_ALL: "C",
    PGHOST: address.host,
    PGPORT: String(address.port),
    PGDATABASE: address.database,
    PGUSER: address.user,
    PGPASSWORD: address.password,
    PGAPPNAME: "octollm-upgrade: pg_dump",
    PGCONNECT_TIMEOUT: "10",
    // Else libpq reads passwords and certificates of whoever runs this.
    PGPASSFILE: "/dev/null",
    ...(ssl ? { PGSSLMODE: ssl.mode } : {}),
    ...(ssl?.rootCertificate ? { PGSSLROOTCERT: ssl.rootCertificate } : {}),
    ...(ssl?.certificate ? { PGSSLCERT: ssl.certificate } : {}),
    ...(ssl?.key ? { PGSSLKEY: ssl.key } : {}),
  };
}
