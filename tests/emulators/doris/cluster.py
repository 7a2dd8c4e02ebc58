"""What an emulated cluster knows: its nodes, tablets, routine loads, and the rows of its tables."""

from __future__ import annotations

import json
import re
import sqlite3
import threading
from dataclasses import dataclass, field
from typing import Any

import sqlglot
from sqlglot import exp

VERSION = "doris-3.0.8-rc01-5a6ad4d1d7"
HEARD, REPORTED = "2026-11-23 09:30:10", "2026-11-23 09:29:51"

FRONTENDS = (
    *("Name", "Host", "EditLogPort", "HttpPort", "QueryPort", "RpcPort", "ArrowFlightSqlPort", "Role", "IsMaster"),
    *("ClusterId", "Join", "Alive", "ReplayedJournalId", "LastStartTime", "LastHeartbeat", "IsHelper", "ErrMsg"),
    *("Version", "CurrentConnected"),
)
"""Docs 3.x, SHOW FRONTENDS."""
FRONTENDS_1 = (
    *("Name", "IP", "HostName", "EditLogPort", "HttpPort", "QueryPort", "RpcPort", "Role", "IsMaster", "ClusterId"),
    *("Join", "Alive", "ReplayedJournalId", "LastHeartbeat", "IsHelper", "ErrMsg", "Version", "CurrentConnected"),
)
"""common/proc/FrontendsProcNode.java at 022bac71, before 2.0."""
BACKENDS = (
    *("BackendId", "Host", "HeartbeatPort", "BePort", "HttpPort", "BrpcPort", "ArrowFlightSqlPort", "LastStartTime"),
    *("LastHeartbeat", "Alive", "SystemDecommissioned", "TabletNum", "DataUsedCapacity", "TrashUsedCapacity"),
    *("AvailCapacity", "TotalCapacity", "UsedPct", "MaxDiskUsedPct", "RemoteUsedCapacity", "Tag", "ErrMsg", "Version"),
    *("Status", "HeartbeatFailureCounter", "CpuCores", "Memory", "RunningTasks", "NodeRole"),
)
"""common/proc/BackendsProcDir.java at 04dc5856."""
HEALTH = (
    *("DbId", "DbName", "TabletNum", "HealthyNum", "ReplicaMissingNum", "VersionIncompleteNum", "ReplicaRelocatingNum"),
    *("RedundantNum", "ReplicaMissingForTagNum", "ForceRedundantNum", "ColocateMismatchNum", "ColocateRedundantNum"),
    *("NeedFurtherRepairNum", "UnrecoverableNum", "ReplicaCompactionTooSlowNum", "InconsistentNum", "OversizeNum"),
    "CloningNum",
)
"""common/proc/TabletHealthProcDir.java, since 2.0 without ReplicaMissingInClusterNum."""
ROUTINE = (
    *("Id", "Name", "CreateTime", "PauseTime", "EndTime", "DbName", "TableName", "IsMultiTable", "State"),
    *("DataSourceType", "CurrentTaskNum", "JobProperties", "DataSourceProperties", "CustomProperties", "Statistic"),
    *("Progress", "Lag", "ReasonOfStateChanged", "ErrorLogUrls", "OtherMsg", "User", "Comment"),
)
"""Docs 3.x, SHOW ROUTINE LOAD."""
REPLICAS = ("TabletId", "ReplicaId", "BackendId", "Version", "LastFailedVersion", "LastSuccessVersion", "Status")
"""Docs 3.x, SHOW REPLICA STATUS, its first columns."""

STATUS = '{"lastSuccessReportTabletsTime":"%s","lastStreamLoadTime":-1,"isQueryDisabled":false,"isLoadDisabled":false}'
"""system/Backend.java, class BackendStatus; docs of SHOW BACKENDS."""

STREAM = {
    "TxnId": 3,
    "Label": "",
    "Comment": "",
    "TwoPhaseCommit": "false",
    "Status": "Success",
    "Message": "OK",
    "NumberTotalRows": 0,
    "NumberLoadedRows": 0,
    "NumberFilteredRows": 0,
    "NumberUnselectedRows": 0,
    "LoadBytes": 0,
    "LoadTimeMs": 173,
}
"""Docs 3.x, stream-load-manual."""


class Refusal(Exception):
    """An error packet: MySQL's number (common/ErrorCode.java) and a text."""

    def __init__(self, code: int, text: str) -> None:
        self.code, self.text = code, text
        super().__init__(text)


def a_frontend(host: str, *, master: bool) -> dict[str, Any]:
    """A row of SHOW FRONTENDS; truth is a word there (docs 3.x)."""
    told = {"Name": f"fe_{host}", "Host": host, "EditLogPort": "9010", "HttpPort": "8030", "QueryPort": "9030"}
    told |= {"RpcPort": "9020", "ArrowFlightSqlPort": "-1", "Role": "FOLLOWER", "IsMaster": str(master).lower()}
    told |= {"ClusterId": "1143012034", "Join": "true", "Alive": "true", "ReplayedJournalId": "1042"}
    told |= {"LastStartTime": HEARD, "LastHeartbeat": HEARD, "IsHelper": "true", "ErrMsg": "", "Version": VERSION}
    return {**told, "CurrentConnected": "Yes" if master else "No"}


def a_backend(number: int, host: str, port: int) -> dict[str, Any]:
    """A row of SHOW BACKENDS (common/proc/BackendsProcDir.java; docs 3.x)."""
    told = {"BackendId": str(10003 + number), "Host": host, "HeartbeatPort": str(9050 + number), "BePort": "9060"}
    told |= {"HttpPort": str(port), "BrpcPort": "8060", "ArrowFlightSqlPort": "-1", "LastStartTime": HEARD}
    told |= {"LastHeartbeat": HEARD, "Alive": "true", "SystemDecommissioned": "false", "TabletNum": "21"}
    told |= {"DataUsedCapacity": "2.737 KB", "TrashUsedCapacity": "0.000 ", "AvailCapacity": "84.103 GB"}
    told |= {"TotalCapacity": "98.248 GB", "UsedPct": "14.40 %", "MaxDiskUsedPct": "14.40 %"}
    told |= {"RemoteUsedCapacity": "0.000 ", "Tag": '{"location" : "default"}', "ErrMsg": "", "Version": VERSION}
    told |= {"Status": STATUS % REPORTED, "HeartbeatFailureCounter": "0", "CpuCores": "4", "Memory": "8.00 GB"}
    return {**told, "RunningTasks": "0", "NodeRole": "mix"}


@dataclass
class Cluster:
    """A cluster that is well; a test changes what is to be wrong.

    ``password`` is of root and of ``gonogo``; ``accounts`` are others, with their password and what they may load;
    ``refusals`` are answers to statements that begin so; ``asked`` are the statements, ``loads`` what stream loads came
    to: changes of :data:`STREAM`.
    """

    password: str = "right"
    empty: tuple[str, ...] = ()
    accounts: dict[str, tuple[str, set[str]]] = field(default_factory=dict)
    frontends: list[dict[str, Any]] = field(default_factory=lambda: [a_frontend("fe-0", master=True)])
    backends: list[dict[str, Any]] = field(default_factory=list)
    columns: tuple[str, ...] = FRONTENDS
    health: dict[str, int] = field(default_factory=dict)
    routine: list[dict[str, Any]] = field(default_factory=list)
    replica_status: str = "OK"
    replicas: int = 0
    admin_only: bool = False
    refusals: dict[str, Refusal] = field(default_factory=dict)
    answers: dict[str, tuple[list[Any], list[str]]] = field(default_factory=dict)
    loads: dict[str, Any] = field(default_factory=dict)
    topics: dict[str, list[str]] = field(default_factory=dict)
    routine_says: dict[str, Any] = field(default_factory=dict)
    kept: bool = True
    deletes: bool = True
    drops: bool = True
    led_to: str = ""
    asked: list[str] = field(default_factory=list)
    databases: list[str] = field(default_factory=lambda: ["__internal_schema", "information_schema", "mysql"])
    tables: dict[str, list[str]] = field(default_factory=dict)
    comment: str = "Doris version doris-3.0.8-rc01-5a6ad4d1d7"

    def __post_init__(self) -> None:
        self._lock = threading.Lock()
        self._rows = sqlite3.connect(":memory:", check_same_thread=False, isolation_level=None)

    def close(self) -> None:
        """Give the rows back."""
        self._rows.close()

    def run(self, sql: str, database: str | None) -> tuple[list[Any], list[str]] | None:
        """Rows and names of columns; None for what Doris answers as any server of MySQL's protocol does."""
        with self._lock:
            self.asked.append(sql)
            for begin, refusal in self.refusals.items():
                if sql.startswith(begin):
                    raise refusal
            for begin, answer in self.answers.items():
                if sql.startswith(begin):
                    return answer
            return self._run(" ".join(sql.split()), database)

    def _run(self, sql: str, database: str | None) -> tuple[list[Any], list[str]] | None:
        shown = {
            "SHOW FRONTENDS": (self.frontends, self.columns),
            "SHOW BACKENDS": (self.backends, BACKENDS),
            "SHOW PROC '/cluster_health/tablet_health'": (self._healths(), HEALTH),
            "SHOW ROUTINE LOAD": ([one for one in self.routine if one["DbName"] == database], ROUTINE),
        }
        if sql in shown:
            rows, columns = shown[sql]
            return [[one.get(name, "") for name in columns] for one in rows], list(columns)
        if sql.startswith("SELECT CURRENT_USER(), @@version_comment"):
            return [["'gonogo'@'%'", self.comment]], ["CURRENT_USER()", "@@version_comment"]
        if found := re.fullmatch(r"SHOW DATABASES(?: LIKE '([^']*)')?", sql):
            return [[one] for one in self.databases if like(one, found[1])], ["Database"]
        if found := re.fullmatch(r"SHOW TABLES FROM `(\w+)` LIKE '([^']*)'", sql):
            tables = self.tables.get(found[1], [])
            return [[one] for one in tables if like(one, found[2])], [f"Tables_in_{found[1]}"]
        if found := re.fullmatch(r"(ADMIN )?SHOW REPLICA STATUS FROM `(\w+)`\.`(\w+)`", sql):
            return self._replicas(admin=bool(found[1]))
        if found := re.fullmatch(r"CREATE DATABASE `(\w+)`", sql):
            self.databases.append(found[1])
            return [], []
        if found := re.fullmatch(r"DROP DATABASE IF EXISTS `(\w+)` FORCE", sql):
            return self._dropped(found[1], self.tables.get(found[1], []), whole=True)
        if found := re.fullmatch(r"DROP TABLE IF EXISTS `(\w+)`\.`(\w+)` FORCE", sql):
            return self._dropped(found[1], [found[2]], whole=False)
        if (changed := self._routine(sql, database)) is not None:
            return changed
        if (changed := self._altered(sql)) is not None:
            return changed
        if found := re.search(r'FROM numbers\("number" = "(\d+)"\)', sql):
            number = int(found[1])
            return [[number, number * (number - 1) // 2]], ["count(*)", "sum(number)"]
        return self._kept(sql) if re.match(r"(CREATE TABLE|INSERT|DELETE|SELECT .* FROM `)", sql) else None

    def _routine(self, sql: str, database: str | None) -> tuple[list[Any], list[str]] | None:
        """Docs 3.x, routine-load-manual: made, it is NEED_SCHEDULE; asked again, RUNNING with what the topic holds."""
        if found := re.fullmatch(
            r'CREATE ROUTINE LOAD `(\w+)`\.`(\w+)` ON `(\w+)` .*"kafka_topic" = "([\w-]+)".*', sql
        ):
            job = {"Name": found[2], "DbName": found[1], "TableName": found[3], "State": "NEED_SCHEDULE"}
            self.routine.append({**job, "DataSourceType": "KAFKA", "Statistic": "", "topic": found[4]})
            return [], []
        if found := re.fullmatch(r"STOP ROUTINE LOAD FOR `(\w+)`\.`(\w+)`", sql):
            self.routine = [one for one in self.routine if (one["DbName"], one["Name"]) != (found[1], found[2])]
            return [], []
        if sql != "SHOW ALL ROUTINE LOAD":
            return None
        ours = [one for one in self.routine if one["DbName"] == database]
        shown = [[one.get(name, "") for name in ROUTINE] for one in ours]
        for one in ours:
            self._consumed(one)
        return shown, list(ROUTINE)

    def _consumed(self, job: dict[str, Any]) -> None:
        rows = [line.split("|") for line in self.topics.get(job["topic"], [])]
        if job["State"] == "NEED_SCHEDULE":
            told = {"receivedBytes": 28, "errorRows": 0, "committedTaskNum": 1, "loadedRows": len(rows)}
            job |= {"State": "RUNNING", "Statistic": json.dumps(told), **self.routine_says}
            if job["State"] == "RUNNING" and self.kept:
                self._rows.executemany(f'INSERT INTO "{job["DbName"]}.{job["TableName"]}" VALUES (?, ?)', rows)

    def _altered(self, sql: str) -> tuple[list[Any], list[str]] | None:
        """Docs 3.x: ALTER SYSTEM, ADMIN SET REPLICA STATUS, CREATE USER, GRANT, DROP USER."""
        if found := re.fullmatch(r'ALTER SYSTEM MODIFY BACKEND "[^:]+:(\d+)" SET \("disable_query" = "(\w+)"\)', sql):
            (one,) = (one for one in self.backends if one["HeartbeatPort"] == found[1])
            one["Status"] = re.sub(r'("isQueryDisabled":)\w+', rf"\1{found[2]}", one["Status"])
        elif found := re.fullmatch(r'ALTER SYSTEM ADD BACKEND "([^:]+):9050"', sql):
            never = {"Alive": "false", "LastHeartbeat": "N/A", "ErrMsg": "", "Status": STATUS % "N/A"}
            self.backends.append({**a_backend(len(self.backends), found[1], -1), **never, "HeartbeatPort": "9050"})
        elif found := re.fullmatch(r'ALTER SYSTEM DROPP BACKEND "([^:]+):9050"', sql):
            self.backends = [one for one in self.backends if one["Host"] != found[1]]
        elif sql.startswith("ADMIN SET REPLICA STATUS PROPERTIES("):
            self.health["UnrecoverableNum"] = 1
        elif found := re.fullmatch(r"CREATE USER '(\w+)'", sql):
            self.empty = (*self.empty, found[1])
        elif found := re.fullmatch(r"CREATE USER '(\w+)' IDENTIFIED BY '([\w-]+)'", sql):
            self.accounts[found[1]] = found[2], set()
        elif found := re.fullmatch(r"GRANT LOAD_PRIV ON `(\w+)`\.`(\w+)` TO '(\w+)'", sql):
            self.accounts[found[3]][1].add(f"{found[1]}/{found[2]}")
        elif found := re.fullmatch(r"DROP USER IF EXISTS '(\w+)'", sql):
            self.empty = tuple(one for one in self.empty if one != found[1])
            self.accounts.pop(found[1], None)
        else:
            return None
        return [], []

    def _healths(self) -> list[dict[str, Any]]:
        """A row for each database, and their sum."""
        own = {"TabletNum": 42, "HealthyNum": 42 - sum(n for k, n in self.health.items() if k != "CloningNum")}
        row = {**dict.fromkeys(HEALTH[2:], 0), **own, **self.health}
        return [{**row, "DbId": "10002", "DbName": "platform"}, {**row, "DbId": "Total", "DbName": "1"}]

    def _replicas(self, *, admin: bool) -> tuple[list[Any], list[str]]:
        if admin is not self.admin_only:  # before 3.0 the statement begins with ADMIN (docs 2.1), since then without
            raise Refusal(1105, "errCode = 2, detailMessage = Syntax error")
        alive = [one["BackendId"] for one in self.backends if one["Alive"] == "true"]
        alive = alive[: self.replicas]
        rows = [["10075", str(n), backend, "2", "-1", "2", self.replica_status] for n, backend in enumerate(alive)]
        return rows, list(REPLICAS)

    def _dropped(self, database: str, tables: list[str], *, whole: bool) -> tuple[list[Any], list[str]]:
        for table in tables if self.drops else ():
            self._rows.execute(f'DROP TABLE IF EXISTS "{database}.{table}"')
        if self.drops and whole:
            self.health.pop("UnrecoverableNum", None)  # that of a table which is gone
            self.databases = [one for one in self.databases if one != database]
            self.tables.pop(database, None)
            self.routine = [one for one in self.routine if one["DbName"] != database]
        elif self.drops:
            self.tables[database] = [one for one in self.tables.get(database, []) if one not in tables]
        return [], []

    def _kept(self, sql: str) -> tuple[list[Any], list[str]]:
        """A statement on rows, read in Doris's dialect and run by SQLite."""
        tree = sqlglot.parse_one(sql, dialect="doris")
        for table in tree.find_all(exp.Table):
            if table.db not in self.databases:
                raise Refusal(1049, f"Unknown database '{table.db}'")
            if isinstance(tree, exp.Create):
                self._checked(tree)
                self.tables.setdefault(table.db, []).append(table.name)
            table.replace(exp.Table(this=exp.to_identifier(f"{table.db}.{table.name}", quoted=True)))
        if isinstance(tree, exp.Create):
            tree.set("properties", None)
        alive = any(one["Alive"] == "true" for one in self.backends)
        if isinstance(tree, exp.Insert) and not alive:
            raise Refusal(1105, "errCode = 2, detailMessage = Failed to find enough backend")
        if (isinstance(tree, exp.Insert) and not self.kept) or (isinstance(tree, exp.Delete) and not self.deletes):
            return [], []
        done = self._rows.execute(tree.sql(dialect="sqlite", unsupported_level=sqlglot.ErrorLevel.IGNORE))
        return [list(row) for row in done.fetchall()], [one[0] for one in done.description or ()]

    def _checked(self, tree: exp.Create) -> None:
        """Doris refuses more replicas than backends (apache/doris#19211)."""
        wanted = int(re.search(r"replication_num.*?(\d+)", tree.sql(dialect="doris"))[1])  # type: ignore[index]
        alive = sum(one["Alive"] == "true" for one in self.backends)
        self.replicas = wanted
        if wanted > alive:
            told = f"replication num is {wanted}, available backend num is {alive}"
            raise Refusal(1105, f"errCode = 2, detailMessage = Failed to find enough backend: {told}")

    def load(self, database: str, table: str, label: str, rows: list[list[str]]) -> dict[str, Any]:
        """What a stream load comes to, in the body of an answer whose HTTP status is 200."""
        told = {**STREAM, "Label": label, "NumberTotalRows": len(rows), "NumberLoadedRows": len(rows), **self.loads}
        if told["Status"] in ("Success", "Publish Timeout") and self.kept:
            with self._lock:
                taken = rows[: told["NumberLoadedRows"]]
                self._rows.executemany(f'INSERT INTO "{database}.{table}" VALUES (?, ?)', taken)
        return told


def like(name: str, pattern: str | None) -> bool:
    """Whether a name is like MySQL's pattern, in which a backslash takes a sign's meaning away."""
    if pattern is None:
        return True
    parts = re.findall(r"\\.|.", pattern)
    signs = {"%": ".*", "_": "."}
    return bool(re.fullmatch("".join(signs.get(one) or re.escape(one.removeprefix("\\")) for one in parts), name))
