"""Superset's web server in one process, with its databases, its account and its connections.

``superset db upgrade``, ``superset init``, ``superset fab create-admin`` and ``superset run`` would each import
everything again. The tables that the first two make are kept beside Superset's packages, and put in place at once for
the next platform.
"""

from __future__ import annotations

import gc
import os
import runpy
import subprocess
import sys
from pathlib import Path
from typing import Any

import psycopg2
from psycopg2.extensions import parse_dsn
from psycopg2.sql import SQL, Identifier, Literal

CLI = "from superset.cli.main import superset; superset()"


def main() -> None:
    """``prepare``: make the databases. A port: serve there on 127.0.0.1 until SIGTERM."""
    settings = runpy.run_path(os.environ["SUPERSET_CONFIG_PATH"])
    if sys.argv[1] == "prepare":
        prepare(settings)
        return
    if not initialised(settings):
        for words in (("db", "upgrade"), ("init",)):
            subprocess.run([sys.executable, "-c", CLI, *words], check=True)
        keep(settings)

    gc.disable()  # of three seconds of imports it would make five
    from superset.app import create_app
    from werkzeug.serving import make_server

    app = create_app()
    with app.app_context():
        inhabit(app, settings)
    gc.freeze()
    gc.enable()
    make_server("127.0.0.1", int(sys.argv[1]), app, threaded=True).serve_forever()


def prepare(settings: dict[str, Any]) -> None:
    """Make roles and databases anew in the platform's PostgreSQL; what an earlier Superset left there is dropped."""
    session = psycopg2.connect(settings["ADMINISTRATION"], connect_timeout=5)
    session.autocommit = True
    with session.cursor() as cursor:
        for address in (settings["SQLALCHEMY_DATABASE_URI"], *settings["CONNECTIONS"].values()):
            there = plain(address)
            role, database = Identifier(there["user"]), Identifier(there["dbname"])
            cursor.execute(SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(database))
            cursor.execute(SQL("DROP ROLE IF EXISTS {}").format(role))
            cursor.execute(SQL("CREATE ROLE {} LOGIN PASSWORD {}").format(role, Literal(there["password"])))
            cursor.execute(SQL("CREATE DATABASE {} OWNER {}").format(database, role))
    session.close()
    if Path(settings["KEPT"]).exists():
        quiet = ("--quiet", "--no-psqlrc", "--output=/dev/null", "--set=ON_ERROR_STOP=1", "--single-transaction")
        tool(settings, "psql", *quiet, f"--file={settings['KEPT']}")


def initialised(settings: dict[str, Any]) -> bool:
    """Whether the metadata has its tables and its roles."""
    session = psycopg2.connect(**plain(settings["SQLALCHEMY_DATABASE_URI"]))
    try:
        with session.cursor() as cursor:
            cursor.execute("SELECT to_regclass('ab_role') IS NOT NULL")
            if not cursor.fetchone()[0]:
                return False
            cursor.execute("SELECT count(*) FROM ab_role WHERE name = 'Gamma'")
            return bool(cursor.fetchone()[0])
    finally:
        session.close()


def keep(settings: dict[str, Any]) -> None:
    """Keep the tables, in which there is neither an account nor a connection yet."""
    kept = Path(settings["KEPT"])
    part = kept.with_name(f"{kept.name}.{os.getpid()}")
    tool(settings, "pg_dump", "--no-owner", "--no-privileges", f"--file={part}")
    part.replace(kept)


def tool(settings: dict[str, Any], name: str, *arguments: str) -> None:
    """Run a program of PostgreSQL on the metadata. Raises ``CalledProcessError``."""
    there = plain(settings["SQLALCHEMY_DATABASE_URI"])
    environment = {"PGHOST": there["host"], "PGPORT": there["port"], "PGUSER": there["user"]}
    environment |= {"PGPASSWORD": there["password"], "PGDATABASE": there["dbname"]}
    subprocess.run([f"{settings['TOOLS']}/{name}", *arguments], env={**os.environ, **environment}, check=True)


def plain(address: str) -> dict[str, str]:
    """An address of SQLAlchemy as libpq knows its parts."""
    return dict(parse_dsn(address.replace("+psycopg2", "", 1)))


def inhabit(app: Any, settings: dict[str, Any]) -> None:
    """Make the account and the connections, where they are not there yet. Raises ``SystemExit``."""
    from superset.extensions import db
    from superset.models.core import Database

    accounts, (user, password) = app.appbuilder.sm, settings["ACCOUNT"]
    if accounts.find_user(username=user) is None:
        role = accounts.find_role("Admin")
        if not accounts.add_user(user, user, user, f"{user}@example.invalid", role, password=password):
            raise SystemExit(f"the account {user} could not be made")
    for name, address in settings["CONNECTIONS"].items():
        if db.session.query(Database).filter_by(database_name=name).one_or_none() is None:
            connection = Database(database_name=name, expose_in_sqllab=True)
            connection.set_sqlalchemy_uri(address)
            db.session.add(connection)
            db.session.commit()


if __name__ == "__main__":
    main()
