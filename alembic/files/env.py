# Written by OctoLLM Upgrade: octollm migrate export-alembic
# Run that again rather than editing this file. Settings are in alembic.ini; no secret is in either.
"""Runs OctoLLM's revisions with Alembic, one at a time with OctoLLM Upgrade on the same database."""
import os
import re
import socket
from logging.config import fileConfig
from pathlib import Path

import sqlalchemy
from alembic import context
from alembic.util import CommandError

config = context.config
if config.config_file_name is not None:
    fileConfig(config.config_file_name, disable_existing_loggers=False)

options = config.get_section("octollm", {})
x = context.get_x_argument(as_dictionary=True)

# The bytes of 'octollmu': whoever holds this lock, and nobody else, changes the schema.
LOCK = 8026386982813592949
ASSIGNMENT = re.compile(
    r"""^[ \t]*(?:export[ \t]+)?([\w.-]+)[ \t]*=[ \t]*
        (?:(?:"((?:[^"\\]|\\.)*)"|'((?:[^'\\]|\\.)*)')(?=[ \t]*(?:\#[^\r\n]*)?(?:[\r\n]|\Z))|([^\r\n]*))""",
    re.MULTILINE | re.DOTALL | re.VERBOSE | re.ASCII,
)


def read_dotenv(path):
    """The variables of an .env file, read as docker compose and OctoLLM Upgrade read them; the last of a name wins."""
    try:
        text = Path(path).read_text(encoding="utf-8-sig", errors="replace")
    except OSError as error:
        raise CommandError(
            f"'{path}' cannot be read ({error.strerror}). Nothing was touched. Name the installation's .env file "
            "in alembic.ini or by: alembic -x env=FILE ..., or set DATABASE_URL"
        ) from None
    escapes = {"n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\"}
    raw, fixed = {}, {}
    for name, double, single, bare in (match.groups() for match in ASSIGNMENT.finditer(text)):
        fixed[name] = single is not None
        if double is not None:
            raw[name] = re.sub(r'\\([nrt"\\])', lambda match: escapes[match[1]], double)
        else:
            raw[name] = single if single is not None else re.sub(r"(^|[ \t]+)#.*$", "", bare).strip(" \t")

    def expand(name, inside):
        value = raw.get(name)
        if value is None or fixed[name]:
            return value

        def replace(match):
            found = None if match[1] in inside else expand(match[1], inside | {match[1]})
            missing = found is None or (match[2] == ":-" and found == "")
            return (match[3] or "") if missing else found

        return re.sub(r"\$\{([A-Za-z_]\w*)(?:(:?-)([^}]*))?\}", replace, value)

    return {name: expand(name, {name}) for name in raw}


def database_url():
    """Where the database is: 'alembic -x env=FILE', else DATABASE_URL of the environment, else the file of alembic.ini."""
    key = options.get("database_key", "DATABASE_URL")
    if "env" not in x and os.environ.get("DATABASE_URL"):
        url = parse_url(os.environ["DATABASE_URL"], "DATABASE_URL")
    else:
        path = x.get("env", options.get("environment_file", ".env"))
        values = read_dotenv(path)
        if values.get(key):
            url = parse_url(values[key], f"{key} in '{path}'")
        elif values.get("POSTGRES_USER"):
            user = values["POSTGRES_USER"]
            url = sqlalchemy.URL.create(
                "postgresql",
                user,
                values.get("POSTGRES_PASSWORD"),
                values.get("POSTGRES_HOST") or "localhost",
                int(values.get("POSTGRES_PORT") or 5432),
                values.get("POSTGRES_DB") or user,
            )
        else:
            raise CommandError(f"Neither {key} nor POSTGRES_USER is set in '{path}'. Nothing was touched.")
    # The line is the installation's own: its driver and that driver's options are not ours.
    query = dict(url.query)
    query.setdefault("sslmode", {"true": "require", "1": "require", "false": "disable"}.get(query.get("ssl"), query.get("ssl")))
    known = ("sslmode", "sslrootcert", "sslcert", "sslkey", "host", "port", "user", "password")
    return url.set(
        drivername=f"postgresql+{driver()}",
        host=options.get("database_host") or url.host,
        port=int(options.get("database_port") or 0) or url.port,
        query={name: query[name] for name in known if query.get(name)},
    )


def parse_url(text, place):
    try:
        return sqlalchemy.make_url(text.strip())
    except sqlalchemy.exc.ArgumentError:
        # What stands there may hold a password.
        raise CommandError(f"{place} is no database URL. Nothing was touched.") from None


def driver():
    for name in ("psycopg", "psycopg2"):
        try:
            __import__(name)
            return name
        except ImportError:
            pass
    raise CommandError("Alembic needs a driver for PostgreSQL here: pip install 'psycopg[binary]'. Nothing was touched.")


def rows(connection, sql):
    return connection.exec_driver_sql(sql, execution_options={"no_parameters": True}).all()


def take_lock(connection):
    """Takes the upgrade lock, as docs/ledger.md describes it; it goes with the session."""
    if rows(connection, f"SELECT pg_try_advisory_lock({LOCK})")[0][0]:
        return
    holders = rows(
        connection,
        "SELECT a.pid, a.application_name, coalesce(host(a.client_addr), 'this server''s socket'), a.backend_start"
        " FROM pg_locks l JOIN pg_stat_activity a USING (pid) WHERE l.locktype = 'advisory' AND l.granted"
        " AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        f" AND l.classid = {LOCK >> 32} AND l.objid = {LOCK & 0xFFFFFFFF}",
    )
    held = "".join(
        f"\n  Held by session '{name}' from {place}, server process {pid}, since {since:%Y-%m-%d %H:%M:%S %Z}."
        for pid, name, place, since in holders
    )
    raise CommandError(
        f"Another upgrade of this database is under way; nothing was changed.{held}\n"
        "Wait until it ends and run the command again."
    )


def refuse_open_attempt(connection):
    """A run of OctoLLM Upgrade that was killed has to be finished by the program that began it."""
    if not rows(connection, "SELECT FROM pg_namespace WHERE nspname = 'octollm_upgrade'"):
        return
    attempts = rows(
        connection,
        "SELECT attempt, stack, host, from_version, to_version, started_at FROM octollm_upgrade.attempts"
        " WHERE status = 'open'",
    )
    for number, stack, host, before, after, since in attempts:
        raise CommandError(
            f"Attempt {number} of OctoLLM Upgrade ('{stack}' on {host}, {before} -> {after}, since"
            f" {since:%Y-%m-%d %H:%M:%S %Z}) has not ended; nothing was changed.\n"
            "Finish it first: run again what began it (npx octollm up, or npx octollm migrate), or npx octollm abort"
        )
    if not rows(connection, "SELECT FROM pg_tables WHERE schemaname = 'octollm_upgrade' AND tablename = 'batches'"):
        return
    for (revision,) in rows(connection, "SELECT revision FROM octollm_upgrade.batches"):
        raise CommandError(
            f"Revision {revision} has changed a part of its rows, in batches; nothing was changed now.\n"
            "Finish it first: run again what began it (npx octollm up, or npx octollm migrate), or npx octollm abort"
        )


def make_ledger(connection):
    """Revisions keep in the ledger what their way down cannot express; it is OctoLLM Upgrade's own, unchanged."""
    connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtextextended('octollm_upgrade', 0))")
    exists = rows(connection, "SELECT FROM pg_namespace WHERE nspname = 'octollm_upgrade'")
    allowed = rows(connection, "SELECT has_database_privilege(current_database(), 'CREATE')")[0][0]
    if exists or not allowed:
        return
    sql = Path(__file__).with_name("ledger.sql").read_text(encoding="utf-8")
    connection.exec_driver_sql(sql, execution_options={"no_parameters": True})


def only_looks():
    """Whether the command changes nothing; one that is not known is taken for one that does."""
    command = getattr(config.cmd_opts, "cmd", None)
    return command is not None and command[0].__name__ in ("current", "history", "check", "show", "revision")


def run_online():
    name = f"octollm-upgrade: alembic@{socket.gethostname()} {os.getpid()}"
    engine = sqlalchemy.create_engine(
        database_url(),
        poolclass=sqlalchemy.pool.NullPool,
        connect_args={"application_name": name[:63], "keepalives_idle": 10},
    )
    with engine.connect() as connection:
        # What a role is limited to elsewhere must not cut long work short.
        rows(
            connection,
            "SELECT set_config(name, '0', false) FROM pg_settings WHERE name IN ('statement_timeout',"
            " 'idle_in_transaction_session_timeout', 'idle_session_timeout', 'transaction_timeout')",
        )
        connection.commit()
        context.configure(connection=connection, transaction_per_migration=True)
        if not only_looks():
            take_lock(connection)
            refuse_open_attempt(connection)
            make_ledger(connection)
            connection.commit()
        with context.begin_transaction():
            context.run_migrations()


def run_offline():
    context.configure(dialect_name="postgresql", transaction_per_migration=True)
    with context.begin_transaction():
        context.run_migrations()


if context.is_offline_mode():
    run_offline()
else:
    run_online()
