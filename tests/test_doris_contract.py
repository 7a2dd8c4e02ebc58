"""The official clients of Doris accept the emulator's answers: PyMySQL, Doris's own dialect of SQLAlchemy, its loader.

``tox -e doris-clients`` brings ``pydoris``, which is the dialect and the loader; without it that part is skipped. Its
driver is PyMySQL here, as ``mysqlclient`` is compiled against a library that not every machine has.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pytest

pytest.importorskip("mysql_mimic")

import pymysql
from emulators.doris import Cluster, running
from emulators.doris.cluster import BACKENDS, FRONTENDS, VERSION

CREATE = (
    "CREATE TABLE `platform`.`t` (`k` BIGINT NOT NULL, `v` VARCHAR(32)) DUPLICATE KEY(`k`) "
    'DISTRIBUTED BY HASH(`k`) BUCKETS 1 PROPERTIES ("replication_num" = "2")'
)


@pytest.fixture
def cluster() -> Cluster:
    """A cluster with a database."""
    cluster = Cluster()
    cluster.databases.append("platform")
    return cluster


@pytest.fixture
def at(cluster: Cluster) -> Iterator[dict[str, Any]]:
    """Where it is."""
    with running(cluster) as at:
        yield at


@pytest.fixture
def session(at: dict[str, Any]) -> Iterator[Any]:
    """PyMySQL's connection to it."""
    given = {"user": "gonogo", "password": "right", "autocommit": True}
    with closing(pymysql.connect(host=at["host"], port=at["port"], **given)) as session:
        yield session


def test_pymysql_reads_who_is_there(session: Any) -> None:
    cursor = session.cursor(pymysql.cursors.DictCursor)

    cursor.execute("SHOW FRONTENDS")
    (front,) = cursor.fetchall()
    cursor.execute("SHOW BACKENDS")
    backs = cursor.fetchall()

    assert session.get_server_info() == "5.7.99"
    assert tuple(front) == FRONTENDS
    assert (front["IsMaster"], front["Alive"], front["Version"]) == ("true", "true", VERSION)
    assert [tuple(one) for one in backs] == [BACKENDS] * 2


def test_pymysql_writes_reads_and_deletes(session: Any) -> None:
    cursor = session.cursor()
    cursor.execute(CREATE)
    cursor.execute("INSERT INTO `platform`.`t` VALUES (1, 'one'), (2, 'two')")
    cursor.execute("DELETE FROM `platform`.`t` WHERE `k` = 1")

    cursor.execute("SELECT `k`, `v` FROM `platform`.`t`")

    assert cursor.fetchall() == ((2, "two"),)


@pytest.mark.parametrize(("account", "password"), [("gonogo", "wrong"), ("root", ""), ("nobody", "right")])
def test_pymysql_is_refused_with_the_number_of_doris(at: dict[str, Any], account: str, password: str) -> None:
    with pytest.raises(pymysql.err.OperationalError) as raised:
        pymysql.connect(host=at["host"], port=at["port"], user=account, password=password)

    assert raised.value.args[0] == 1045


def test_sqlalchemy_queries_by_mysqls_dialect(at: dict[str, Any]) -> None:
    sqlalchemy = pytest.importorskip("sqlalchemy")
    engine = sqlalchemy.create_engine(f"mysql+pymysql://gonogo:right@{at['host']}:{at['port']}/platform")

    with engine.connect() as connection:
        found = connection.execute(sqlalchemy.text("SELECT word, SUM(n) FROM sales GROUP BY word ORDER BY word"))
        rows = [tuple(row) for row in found]
    engine.dispose()

    assert rows == [("a", 2), ("b", 7)]


def test_doris_own_dialect_queries(at: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    sqlalchemy = pytest.importorskip("sqlalchemy")
    pytest.importorskip("pydoris.sqlalchemy")
    for name in ("MySQLdb", "_mysql"):
        monkeypatch.setitem(sys.modules, name, pymysql)
    engine = sqlalchemy.create_engine(f"doris://gonogo:right@{at['host']}:{at['port']}/platform")

    with engine.connect() as connection:
        rows = [tuple(row) for row in connection.execute(sqlalchemy.text("SHOW DATABASES"))]
    engine.dispose()

    assert engine.dialect.name in ("doris", "pydoris")
    assert ("platform",) in rows


@pytest.mark.parametrize(("said", "taken"), [({}, True), ({"Status": "Fail", "Message": "too many rows"}, False)])
def test_doris_own_loader_is_led_to_a_backend(
    cluster: Cluster, at: dict[str, Any], session: Any, said: dict[str, Any], taken: bool
) -> None:
    loader = pytest.importorskip("pydoris.doris_client")
    session.cursor().execute(CREATE)
    cluster.loads = said
    client = loader.DorisClient("127.0.0.1", at["http"].rpartition(":")[2], "gonogo", "right")
    client.options.set_csv_format(",").set_auto_uuid_label()

    done = client.write("platform", "t", "1,one\n2,two")

    cursor = session.cursor()
    cursor.execute("SELECT `k`, `v` FROM `platform`.`t` ORDER BY `k`")
    assert done is taken
    assert cursor.fetchall() == (((1, "one"), (2, "two")) if taken else ())
