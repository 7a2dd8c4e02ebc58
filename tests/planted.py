"""Secrets as they stand in logs, manifests, commands and messages: what each kind shows, and what is secret.

Everything is made up. Tokens with a vendor's prefix are put together here, so no scanner takes this file for a leak.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from typing import NamedTuple
from urllib.parse import quote


class Planted(NamedTuple):
    """One kind: what it is, the secret, and the text that shows it."""

    kind: str
    secret: str
    text: str


WORD, MIXED, ODD, DIGITS = "swordfish", "hunter2hunter2", "kT9x/Qw7mZp4+LsV2c==", "8472619473"
HARD = "pa$s;w0rd&x,y"
ALNUM = "aZ3kQ9xW7mLp2VtR8sYbN4cD6fGhJ1eU5oIqTwXz0vKBSn"
HEX = "3f8a1c9e7b2d4f60a5c8e1937bd24f68" * 2

ENVIRONMENT = (
    *(
        "DB_PASSWORD",
        "DB_PASS",
        "DB_PWD",
        "PGPASSWORD",
        "MYSQL_PWD",
        "MYSQL_ROOT_PASSWORD",
        "REDIS_PASS",
        "SMTP_PASSWD",
    ),
    *("GPG_PASSPHRASE", "KEYSTORE_PASSWORD", "SECRET_KEY", "DJANGO_SECRET_KEY", "API_KEY", "STRIPE_KEY", "FERNET_KEY"),
    *(
        "AIRFLOW__CORE__FERNET_KEY",
        "AWS_SECRET_ACCESS_KEY",
        "AWS_SESSION_TOKEN",
        "GITHUB_TOKEN",
        "NPM_TOKEN",
        "VAULT_TOKEN",
    ),
    *(
        "CLIENT_SECRET",
        "OIDC_CLIENT_SECRET",
        "JWT_SECRET",
        "SESSION_SECRET",
        "COOKIE_SECRET",
        "ENCRYPTION_KEY",
        "SIGNING_KEY",
    ),
    *(
        "MASTER_KEY",
        "AZURE_STORAGE_KEY",
        "ACCOUNT_KEY",
        "DATADOG_API_KEY",
        "NEO4J_AUTH_PASSWORD",
        "MINIO_ROOT_PASSWORD",
    ),
    *(
        "SUPERSET_SECRET_KEY",
        "MLFLOW_TRACKING_PASSWORD",
        "MLFLOW_TRACKING_TOKEN",
        "ELASTIC_PASSWORD",
        "KAFKA_SASL_PASSWORD",
    ),
    *("SASL_PASSWORD", "SSL_KEY_PASSWORD", "RABBITMQ_DEFAULT_PASS", "POSTGRES_PASSWORD", "HF_TOKEN", "WANDB_API_KEY"),
    *("OPENAI_API_KEY", "SLACK_BOT_TOKEN", "SENTRY_AUTH_TOKEN", "TOKEN", "PASSWORD", "SECRET", "PASSPHRASE", "PASSWD"),
    *("DATAHUB_SECRET", "DATAHUB_SYSTEM_CLIENT_SECRET", "ACCESS_TOKEN", "REFRESH_TOKEN", "BEARER_TOKEN", "DEPLOY_KEY"),
)
CONFIGURATION = (
    *("password", "passwd", "pwd", "db.password", "spring.datasource.password", "javax.jdo.option.ConnectionPassword"),
    *(
        "ssl.keystore.password",
        "ssl.key.password",
        "sasl.password",
        "clientSecret",
        "client_secret",
        "apiKey",
        "api_key",
    ),
    *(
        "accessToken",
        "access_token",
        "refresh-token",
        "authToken",
        "secretKey",
        "secret_key",
        "s3.secret-key",
        "privateKey",
    ),
    *("storageAccountKey", "encryptionKey", "signing_key", "adminPassword", "rootPassword", "userPassword", "dbPass"),
    *("keystorePassword", "trustStorePassword", "bindPassword", "ldap_bind_pw", "webhookSecret", "cookie_secret"),
    *("hive.metastore.password", "fe_password", "xpack.security.http.ssl.keystore.secure_password", "token", "secret"),
)


def kinds() -> list[Planted]:
    """All of them, each name once."""
    found = [*_environment(), *_configuration(), *_pairs(), *_lines(), *_arguments(), *_http(), *_urls(), *_tokens()]
    found += [*_blocks(), *_hashes(), *_sentences(), *_kubernetes(), *_known_forms(), *_many()]
    return found


def _environment() -> Iterator[Planted]:
    forms = {
        "plain": "{}={}",
        "export": "export {}={}",
        "in a log": "2026-01-02T03:04:05Z INFO starting with {}={} in the environment",
        "double quotes": '{}="{}"',
        "single quotes": "export {}='{}'",
        "colon": "      {}:  {}",
        "docker": "docker run -e {}={} image",
        "Dockerfile": "ENV {} {}",
        "dict": "environ({{'{}': '{}', 'HOME': '/'}})",
    }
    values = (WORD, MIXED, ODD, HARD)
    for index, name in enumerate(ENVIRONMENT):
        for number, (form, text) in enumerate(forms.items()):
            if form == "in a log" or (index + number) % 3 == 0:
                value = values[(index + number) % (3 if form in ("in a log", "docker", "Dockerfile") else 4)]
                yield Planted(f"environment {name}, {form}", value, text.format(name, value))


def _configuration() -> Iterator[Planted]:
    forms = {
        "properties": "{} = {}",
        "no spaces": "{}={}",
        "YAML": "  {}: {}",
        "YAML quoted": "  {}: '{}'",
        "JSON": '{{"user": "x", "{}": "{}", "n": 1}}',
        "JSON compact": '{{"{}":"{}"}}',
        "JSON in JSON": '{{"log": "{{\\"{}\\": \\"{}\\"}}"}}',
        "TOML": '{} = "{}"',
        "XML": "<{0}>{1}</{0}>",
        "dict": "{{'{}': '{}'}}",
        "keyword": "connect(host='h', {}='{}')",
        "logfmt": "level=info msg=connect {}={} host=db",
        "hash": ":{} => '{}'",
        "query": "GET /login?user=x&{}={}&z=1 HTTP/1.1",
        "go": "Config{{User:x {}:{} Host:h}}",
        "java": "Config(user=x, {}={}, host=h)",
        "tuple": "[('{}', '{}'), ('user', 'x')]",
        "bytes": "{{b'{}': b'{}'}}",
        "flow": "{{user: x, {}: {}, host: h}}",
    }
    values = (WORD, MIXED, ALNUM[:32])
    for index, name in enumerate(CONFIGURATION):
        for number, (form, text) in enumerate(forms.items()):
            if (index + number) % 4 == 0:
                value = values[(index // 4 + number) % 3]
                yield Planted(f"setting {name}, {form}", value, text.format(name, value))


def _pairs() -> Iterator[Planted]:
    forms = {
        "YAML": "        - name: {0}\n          value: {1}\n",
        "YAML quoted": '        - name: "{0}"\n          value: "{1}"\n',
        "YAML reversed": "        - value: {1}\n          name: {0}\n",
        "YAML flow": "env: [{{name: {0}, value: {1}}}]",
        "YAML flow reversed": "env: [{{value: {1}, name: {0}}}]",
        "JSON": '{{"name": "{0}", "value": "{1}"}}',
        "JSON reversed": '{{"value": "{1}", "name": "{0}"}}',
        "JSON lines": '{{\n  "name": "{0}",\n  "value": "{1}"\n}}',
        "JSON lines reversed": '{{\n  "value": "{1}",\n  "name": "{0}"\n}}',
        "JSON in a string": '{{\\"name\\":\\"{0}\\",\\"value\\":\\"{1}\\"}}',
        "key and value": '{{"key": "{0}", "value": "{1}"}}',
        "Go": "EnvVar{{Name:{0},Value:{1},ValueFrom:nil,}}",
        "Go spaces": "{{Name:{0} Value:{1} ValueFrom:<nil>}}",
        "Python": "{{'name': '{0}',\n 'value': '{1}',\n 'value_from': None}}",
        "Hadoop XML": "<property><name>{0}</name><value>{1}</value></property>",
        "Hadoop XML lines": "<property>\n  <name>{0}</name>\n  <value>{1}</value>\n</property>",
        "attributes": '<property name="{0}" value="{1}"/>',
        "entry": '<entry key="{0}">{1}</entry>',
        "CloudFormation": '{{"ParameterKey": "{0}", "ParameterValue": "{1}"}}',
        "block": "- name: {0}\n  value: |-\n    {1}\n- name: OTHER\n  value: x",
        "ECS": '{{"Name":"{0}","Value":"{1}"}}',
    }
    names = ("DB_PASS", "PASSPHRASE", "API_KEY", "ACCESS_TOKEN", "db.password", "ENCRYPTION_KEY", "clientSecret")
    for index, (form, text) in enumerate(forms.items()):
        for number in range(3):
            name, value = names[(index + number * 2) % len(names)], (WORD, MIXED, ALNUM[:24])[number]
            yield Planted(f"pair {form} {name} {number}", value, text.format(name, value))
    yield Planted("multipart", MIXED, f'Content-Disposition: form-data; name="password"\r\n\r\n{MIXED}\r\n--b')


def _lines() -> Iterator[Planted]:
    forms = {
        "next line": "password:\n  {}\n",
        "next line, deeper": "auth:\n  user: x\n  password:\n    {}\n  host: h\n",
        "literal": "password: |\n  {}\nhost: h\n",
        "literal, stripped": "token: |-\n    {}\nhost: h",
        "folded": "passphrase: >-\n  {}\n",
        "quoted next line": 'password:\n  "{}"\n',
        "prompt": "Password:\n{}\n",
        "JSON next line": '"password":\n  "{}"',
        "XML lines": "<password>\n  {}\n</password>",
        "blank line": "Please use the following password to proceed to installation:\n\n{}\n\n",
        "Elasticsearch": "Password for the elastic user (reset with `elasticsearch-reset-password -u x`):\n  {}\n",
        "list": "passwords:\n  - {}\n",
        "argument list": "args:\n  - --password\n  - {}\n",
        "JSON arguments": '"args": [\n  "--password",\n  "{}"\n]',
        "continued": "run --password \\\n  {} --host x",
        "comment": "password: # the database's\n  {}\n",
        "property continued": "db.password=\\\n  {}",
    }
    for form, text in forms.items():
        for number, value in enumerate((MIXED, ALNUM[:20])):
            yield Planted(f"below {form} {number}", value, text.format(value))


def _arguments() -> Iterator[Planted]:
    forms = (
        *(
            "app --password {}",
            "app --password={}",
            'app --password "{}"',
            "app --db-password '{}' -v",
            "app --token {}",
        ),
        *("app -password {}", "app --api-key {} --x", "app --client-secret={}", "java -Ddb.password={} -jar a.jar"),
        *("java -Djavax.net.ssl.keyStorePassword={} Main", "keytool -storepass {} -list", "keytool -keypass {} -x"),
        *(
            '["app", "--password", "{}"]',
            "['app', '--token', '{}']",
            '["--password={}"]',
            "openssl rsa -passin pass:{}",
        ),
        *(
            "openssl enc -pass pass:{} -d",
            "mysql -u root -p{} db",
            "mysqldump -uroot -p{}",
            "mysql -h fe -P 9030 -uroot -p{}",
        ),
        *(
            '["mysql", "-uroot", "-p{}"]',
            "sshpass -p {} ssh host",
            "sshpass -p '{}' ssh host",
            "redis-cli -h h -a {} ping",
        ),
        *(
            "ldapsearch -x -D cn=admin -w {} -b dc=x",
            "docker login -u me -p {} registry.example",
            "helm registry login -u x -p {} r",
        ),
        *(
            "curl -u elastic:{} https://es:9200",
            "curl --user elastic:{} https://es",
            "curl -s -u 'elastic:{}' https://es",
        ),
        *(
            "curl -uelastic:{} https://es",
            "cypher-shell -u neo4j -p {} 'RETURN 1'",
            "zip -P {} a.zip b",
            "mongosh -u a -p {} h",
        ),
        *("smbclient //h/s -U user%{}", "echo {} | docker login --password-stdin -u x", "echo 'root:{}' | chpasswd"),
        *(
            "chpasswd <<< root:{}",
            "kubectl create secret generic s --from-literal=value={}",
            "aws configure set aws_secret_access_key {}",
        ),
        *(
            "kubectl create secret generic s --from-literal=password='{}'",
            "vault kv put secret/db password={}",
            "gpg --passphrase {} -d f",
        ),
        *(
            "superset fab create-admin --username admin --password {}",
            "PGPASSWORD={} psql -h db",
            "setx DB_PASSWORD {}",
        ),
        *(
            "wget --http-password={} https://h",
            "skopeo copy --src-creds user:{} a b",
            "argocd login h --username admin --password {}",
        ),
        *(
            "rabbitmqctl add_user x --password {}",
            "htpasswd --password {}",
            "az login --service-principal --client-secret {}",
        ),
        *("sqlcmd -S h -U sa -P {}", "psql 'host=h user=x password={} dbname=d'", "cqlsh h -u cassandra -p {}"),
        *("kafka-configs --add-config 'SCRAM-SHA-256=[password={}]'", "kubectl config set-credentials x --token={}"),
        *(
            "kubectl --token {} get pods",
            "oc login https://h --token={}",
            "consul acl -token={}",
            "npm login --auth-token {}",
        ),
    )
    for number, text in enumerate(forms):
        value = (MIXED, ALNUM[:22])[number % 2]
        yield Planted(f"argument {text}", value, text.format(value))
    for number, statement in enumerate(
        (
            "ALTER USER mlflow WITH PASSWORD '{}';",
            "CREATE USER x IDENTIFIED BY '{}'",
            "CREATE ROLE x LOGIN PASSWORD '{}'",
            "SET PASSWORD FOR 'root' = PASSWORD('{}')",
            'CREATE USER neo4j SET PASSWORD "{}"',
            "GRANT ALL ON *.* TO x IDENTIFIED BY PASSWORD '{}'",
            "ALTER CURRENT USER SET PASSWORD FROM 'old' TO '{}'",
            "STATEMENT:  ALTER ROLE app PASSWORD '{}'",
            "CREATE RESOURCE r PROPERTIES ('s3.secret_key' = '{}')",
            'CREATE CATALOG c PROPERTIES ("password" = "{}")',
        )
    ):
        yield Planted(f"statement {number}", MIXED, statement.format(MIXED))


def _http() -> Iterator[Planted]:
    basic = base64.b64encode(f"elastic:{MIXED}".encode()).decode()
    for number, (secret, text) in enumerate(
        (
            (basic, f"Authorization: Basic {basic}"),
            (basic, f"> authorization: basic {basic}"),
            (basic, f"{{'Authorization': 'Basic {basic}'}}"),
            (basic, f"Proxy-Authorization: Basic {basic}"),
            (basic, f"sent header Basic {basic} to it"),
            (ALNUM, f"Authorization: Bearer {ALNUM}"),
            (ALNUM, f'curl -H "Authorization: Bearer {ALNUM}" https://h'),
            (ALNUM, f"curl -H 'Authorization: ApiKey {ALNUM}' https://h"),
            (ALNUM, f'"Authorization": ["Bearer {ALNUM}"]'),
            (ALNUM, f"map[Accept:[*/*] Authorization:[Bearer {ALNUM}]]"),
            (ALNUM, f"('Authorization', 'Bearer {ALNUM}')"),
            (ALNUM, f"{{b'authorization': b'Bearer {ALNUM}'}}"),
            (ALNUM, f"Invalid header value b'Bearer {ALNUM}'"),
            (ALNUM, f"using bearer {ALNUM} for it"),
            (ALNUM, f"Authorization: token {ALNUM}"),
            (ALNUM, f"Authorization: {ALNUM}"),
            (ALNUM, f"X-Api-Key: {ALNUM}"),
            (WORD, f"X-Auth-Token: {WORD}"),
            (ALNUM, f"x-vault-token: {ALNUM}"),
            (ALNUM, f"PRIVATE-TOKEN: {ALNUM}"),
            (ALNUM, f"X-Amz-Security-Token: {ALNUM}"),
            (ALNUM, f"Ocp-Apim-Subscription-Key: {ALNUM}"),
            (ALNUM, f"X-JFrog-Art-Api-Key: {ALNUM}"),
            (ALNUM, f"Cookie: session={ALNUM}; theme=dark"),
            (ALNUM, f"Cookie: theme=dark; session={ALNUM}"),
            (ALNUM, f"Set-Cookie: session={ALNUM}; Path=/; HttpOnly"),
            (ALNUM, f"'set-cookie': 'session={ALNUM}; Path=/'"),
            (ALNUM, f'curl -H "Cookie: JSESSIONID={ALNUM}" https://h'),
            (ALNUM, f"JSESSIONID={ALNUM}"),
            (HEX[:32], f'Authorization: Digest username="x", realm="r", nonce="n", response="{HEX[:32]}"'),
            (HEX, f"Authorization: AWS4-HMAC-SHA256 Credential=AKIAX/2026/s3, SignedHeaders=host, Signature={HEX}"),
            (ALNUM, f"http://localhost:8888/lab?token={ALNUM}"),
            (ALNUM, f"grant_type=client_credentials&client_id=x&client_secret={ALNUM}"),
            (MIXED, f"grant_type=password&username=x&password={MIXED}"),
            (ALNUM, f"https://a.blob.core.example/c?sv=2022&se=2026-01-01&sr=c&sig={ALNUM}%3D"),
            (HEX, f"https://b.s3.example/k?X-Amz-Date=2026&X-Amz-Signature={HEX}"),
            (HEX, f"https://storage.example/b/o?X-Goog-Credential=x&X-Goog-Signature={HEX}"),
            (ALNUM, f"https://cdn.example/x?Expires=1&Signature={ALNUM}&Key-Pair-Id=K"),
            (ALNUM, f"https://s3.example/b/k?AWSAccessKeyId=x&Signature={ALNUM}"),
            (ALNUM, f"SharedAccessSignature sr=x&sig={ALNUM}&se=1&skn=k"),
            (ALNUM, f"https://h/callback#access_token={ALNUM}&token_type=bearer"),
            (ALNUM, f'{{"access_token":"{ALNUM}","token_type":"Bearer","expires_in":3600}}'),
            (ALNUM, f'{{"id_token": "{ALNUM}", "refresh_token": "x"}}'),
            (ALNUM, f"DefaultEndpointsProtocol=https;AccountName=a;AccountKey={ALNUM}==;EndpointSuffix=core.example"),
            (ALNUM, f"Endpoint=sb://n.example/;SharedAccessKeyName=k;SharedAccessKey={ALNUM}="),
            (MIXED, f"Server=h;Database=d;User Id=sa;Password={MIXED};Encrypt=true"),
            (MIXED, f"Driver={{x}};Server=h;Uid=sa;Pwd={MIXED};"),
            (MIXED, f'"ConnectionString": "Server=h;User Id=sa;Password={MIXED};"'),
            (MIXED, f'sasl.jaas.config=org.apache.X required username="u" password="{MIXED}";'),
        )
    ):
        yield Planted(f"http {number}", secret, text)
    auth = base64.b64encode(f"me:{MIXED}".encode()).decode()
    config = {"auths": {"registry.example": {"username": "me", "password": MIXED, "auth": auth}}}
    whole = base64.b64encode(json.dumps(config).encode()).decode()
    yield Planted("docker auth", auth, json.dumps(config))
    yield Planted("docker auth, lines", auth, json.dumps(config, indent=2))
    yield Planted("docker auth only", auth, json.dumps({"auths": {"r": {"auth": auth}}}))
    yield Planted("docker identity token", ALNUM, json.dumps({"auths": {"r": {"identitytoken": ALNUM}}}))
    yield Planted("docker config in base64", whole[:60], f"  .dockerconfigjson: {whole}")
    yield Planted("docker config alone in base64", whole[:60], f"read {whole} from it")
    yield Planted("npmrc", auth, f"//registry.example/:_auth={auth}")
    yield Planted("npmrc token", ALNUM, f"//registry.example/:_authToken={ALNUM}")
    yield Planted("netrc", WORD, f"machine h login me password {WORD}")
    yield Planted("netrc, lines", WORD, f"machine h\n  login me\n  password {MIXED}\n".replace(MIXED, WORD))
    yield Planted("pgpass", MIXED, f"db.example:5432:mlflow:mlflow:{MIXED}")
    yield Planted("pypirc", MIXED, f"[pypi]\nusername = __token__\npassword = {MIXED}")


def _urls() -> Iterator[Planted]:
    for scheme in (
        "postgres",
        "postgresql+psycopg2",
        "mysql",
        "mongodb+srv",
        "amqp",
        "https",
        "ftp",
        "neo4j",
        "jdbc:postgresql",
    ):
        yield Planted(f"URL {scheme}", MIXED, f"cannot reach {scheme}://user:{MIXED}@host.example:5432/db?x=1")
    for number, secret in enumerate(
        ("p@ss@word9", "p@ss/w@rd", "a:b:c@d", WORD, "x%40y%2Fz", "pa?ss@word", "#hash@x", "1234567@x")
    ):
        yield Planted(f"URL password {number}", secret, f"dsn=postgres://mlflow:{secret}@db:5432/mlflow")
    for number, (secret, text) in enumerate(
        (
            (MIXED, f"redis://:{MIXED}@redis:6379/0"),
            (MIXED, f"proxy http://user:{MIXED}@proxy.example:3128"),
            (MIXED, f"root:{MIXED}@tcp(fe:9030)/demo?timeout=5s"),
            (MIXED, f"system/{MIXED}@db.example:1521/XE"),
            (MIXED, f"jdbc:mysql://h/d?user=x&password={MIXED}"),
            (MIXED, f"jdbc:sqlserver://h;user=sa;password={MIXED};x=1"),
            (MIXED, f"jdbc:oracle:thin:scott/{MIXED}@//h:1521/s"),
            (MIXED, f"git clone https://oauth2:{MIXED}@git.example/x.git"),
            (ALNUM[:30], f"pip install -i https://{ALNUM[:30]}@pypi.example/simple"),
            (MIXED, f"amqps://u:{MIXED}@a:5671,amqps://u:{MIXED}@b:5671"),
            (MIXED, f"mongodb://u:{MIXED}@a:27017,b:27017/db?replicaSet=r"),
            (MIXED, f"fatal: unable to access 'https://me:{MIXED}@git.example/x/': 403"),
            (MIXED, f'"url":"https:\\/\\/me:{MIXED}@h.example\\/x"'),
            (MIXED, f"s3://key:{MIXED}@bucket/path"),
            (MIXED, f"sftp://me:{MIXED}@h/~"),
        )
    ):
        yield Planted(f"URL form {number}", secret, text)


def _tokens() -> Iterator[Planted]:
    rest, upper = ALNUM, "A7K2M9QX4ZP8LV3TR6YB"
    shapes = {
        "AWS": "AK" + "IA" + upper[:16],
        "AWS temporary": "AS" + "IA" + upper[:16],
        "Google API": "AI" + "za" + rest[:35],
        "Google OAuth": "ya" + "29." + rest + rest,
        "Google client": "GOC" + "SPX-" + rest[:28],
        "Azure client": "abc8" + "Q~" + rest[:34],
        "Alibaba": "LT" + "AI" + rest[:20],
        "DigitalOcean": "dop" + "_v1_" + HEX,
        "GitHub": "gh" + "p_" + rest[:36],
        "GitHub app": "gh" + "s_" + rest[:36],
        "GitHub fine": "github" + "_pat_" + rest[:22] + "_" + rest[:40],
        "GitLab": "gl" + "pat-" + rest[:20],
        "GitLab deploy": "gl" + "dt-" + rest[:20],
        "GitLab runner": "gl" + "rt-" + rest[:20],
        "Slack bot": "xo" + "xb-1234567890-1234567890-" + rest[:24],
        "Slack user": "xo" + "xp-1234567890-" + rest[:32],
        "Slack app": "xa" + "pp-1-A0123-456-" + HEX,
        "Slack webhook": "https://hooks.slack.example/services/T01ABCDEF/B01ABCDEF/" + rest[:24],
        "Discord": "MTA" + rest[:21] + "." + rest[:6] + "." + rest[:38],
        "Telegram": "1234567890:" + rest[:35],
        "Stripe": "sk" + "_live_" + rest[:24],
        "Stripe restricted": "rk" + "_live_" + rest[:24],
        "Stripe webhook": "wh" + "sec_" + rest[:32],
        "npm": "np" + "m_" + rest[:36],
        "PyPI": "py" + "pi-AgEIcHlwaS5vcmc" + rest,
        "RubyGems": "ruby" + "gems_" + HEX[:48],
        "crates": "ci" + "o" + rest[:32],
        "Docker Hub": "dckr" + "_pat_" + rest[:27],
        "SendGrid": "S" + "G." + rest[:22] + "." + rest[:43],
        "Mailgun": "ke" + "y-" + HEX[:32],
        "Mailchimp": HEX[:32] + "-us" + "12",
        "Twilio": "S" + "K" + HEX[:32],
        "OpenAI": "s" + "k-proj-" + rest,
        "OpenAI old": "s" + "k-" + rest,
        "Anthropic": "s" + "k-ant-api03-" + rest + "-" + rest,
        "Hugging Face": "h" + "f_" + "AbCdEfGhIjKlMnOpQrStUvWxYzAbCdEfGh",
        "Databricks": "da" + "pi" + HEX[:32],
        "Vault": "hv" + "s." + rest + rest,
        "Vault old": "s" + "." + rest[:24],
        "Terraform": rest[:14] + ".atlas" + "v1." + rest + rest,
        "Grafana": "gl" + "sa_" + rest[:32] + "_0a1b2c3d",
        "Grafana cloud": "gl" + "c_" + rest,
        "New Relic": "NR" + "AK-" + upper + "ABCDEFG",
        "Sentry": "snt" + "rys_" + rest,
        "Linear": "lin" + "_api_" + rest[:40],
        "Notion": "nt" + "n_" + rest,
        "Shopify": "shp" + "at_" + HEX[:32],
        "PlanetScale": "pscale" + "_tkn_" + rest[:43],
        "Postman": "PM" + "AK-" + HEX[:24] + "-" + HEX[:34],
        "Tailscale": "ts" + "key-auth-" + rest[:12] + "-" + rest[:32],
        "Doppler": "dp" + ".pt." + rest[:43],
        "Pulumi": "pu" + "l-" + HEX[:40],
        "Figma": "fi" + "gd_" + rest[:40],
        "Replicate": "r" + "8_" + rest[:37],
        "Groq": "gs" + "k_" + rest,
        "SonarQube": "sq" + "p_" + HEX[:40],
        "Square": "sq0" + "csp-" + rest[:43],
        "OpenShift": "sha" + "256~" + rest[:43],
        "age": "AGE-SECRET" + "-KEY-1" + upper * 3,
        "Dynatrace": "dt0" + "c01." + upper + "ABCD." + upper * 3,
        "Artifactory": "AK" + "C" + rest[:30],
        "HubSpot": "pat-" + "na1-3f8a1c9e-7b2d-4f60-a5c8-e1937bd24f68",
        "Brevo": "xkey" + "sib-" + HEX + "-" + rest[:16],
        "LangSmith": "lsv2" + "_pt_" + HEX[:32] + "_0a1b2c3d4e",
        "NuGet": "oy" + "2" + "abcdefghij234567klmnopqrstuvwxyzabcdefghijk",
        "Airtable": "pat" + rest[:14] + "." + HEX,
    }
    jwt = (
        "ey"
        + "JhbGciOiJSUzI1NiIsImtpZCI6IngifQ."
        + "ey"
        + "JzdWIiOiJzeXN0ZW06c2VydmljZWFjY291bnQ6YTpiIn0."
        + ALNUM
        + ALNUM
    )
    shapes["JWT"] = jwt
    for name, token in shapes.items():
        yield Planted(f"token {name} in a sentence", token.rpartition("/")[2], f"the server refused {token} just now")
        yield Planted(f"token {name} in JSON", token.rpartition("/")[2], json.dumps({"seen": token, "n": 1}))
    yield Planted("JWT within a word", jwt, f"cookie_{jwt}")


def _blocks() -> Iterator[Planted]:
    lines = [ALNUM[n : n + 32] * 2 for n in range(8)]
    for what in (
        "RSA PRIVATE KEY",
        "PRIVATE KEY",
        "EC PRIVATE KEY",
        "OPENSSH PRIVATE KEY",
        "ENCRYPTED PRIVATE KEY",
        "DSA PRIVATE KEY",
    ):
        block = "\n".join([f"-----BEGIN {what}-----", *lines, f"-----END {what}-----"])
        yield Planted(f"PEM {what}", lines[3], f"before\n{block}\nafter")
        yield Planted(
            f"PEM {what}, indented", lines[3], "key: |\n" + "\n".join(f"    {line}" for line in block.splitlines())
        )
        yield Planted(f"PEM {what}, JSON", lines[3], json.dumps({"data": block}))
        yield Planted(f"PEM {what}, cut off", lines[3], "\n".join(block.splitlines()[:-1]))
        encoded = base64.b64encode(block.encode()).decode()
        yield Planted(f"PEM {what}, base64", encoded[100:160], f"  stored: {encoded}")
        yield Planted(
            f"PEM {what}, logged", lines[3], "\n".join(f"2026-01-01 INFO {line}" for line in block.splitlines())
        )
    pgp = "\n".join(["-----BEGIN PGP PRIVATE KEY BLOCK-----", "", *lines, "-----END PGP PRIVATE KEY BLOCK-----"])
    yield Planted("PGP", lines[2], pgp)
    putty = "\n".join(["PuTTY-User-Key-File-3: x", "Private-Lines: 8", *lines, f"Private-MAC: {HEX}"])
    yield Planted("PuTTY", lines[2], putty)


def _hashes() -> Iterator[Planted]:
    for name, text, secret in (
        ("bcrypt", f"admin:$2b$12${ALNUM}abcdef", ALNUM),
        ("sha512crypt", f"root:$6$salt1234${ALNUM}{ALNUM}:19000:0", ALNUM),
        ("apr1", f"admin:$apr1$abcdefgh${ALNUM[:22]}", ALNUM[:22]),
        ("argon2", f"hash $argon2id$v=19$m=65536,t=3,p=4$c2FsdHNhbHQ${ALNUM}", ALNUM),
        ("Elasticsearch", f"elastic:{{PBKDF2}}10000${ALNUM}=${ALNUM}=", ALNUM),
        ("PostgreSQL", f"SCRAM-SHA-256$4096:{ALNUM[:22]}==${ALNUM}=:{ALNUM}=", ALNUM),
        ("Kafka", f"salt={ALNUM[:20]}==,stored_key={ALNUM}=,server_key={ALNUM}=,iterations=4096", ALNUM),
        ("LDAP", f"userPassword: {{SSHA}}{ALNUM[:32]}", ALNUM[:32]),
        (
            "LDIF",
            f"userPassword:: {base64.b64encode(MIXED.encode()).decode()}",
            base64.b64encode(MIXED.encode()).decode(),
        ),
        ("Werkzeug", f"pbkdf2:sha256:260000$saltsalt${HEX}", HEX),
        ("Werkzeug scrypt", f"scrypt:32768:8:1$saltsalt${HEX}", HEX),
        ("Django", f"pbkdf2_sha256$600000$saltsalt${ALNUM}=", ALNUM),
    ):
        yield Planted(f"hash {name}", secret, text)


def _sentences() -> Iterator[Planted]:
    for number, text in enumerate(
        (
            "the password is {}",
            "The generated password for user elastic is {}.",
            "A temporary password is generated for root@localhost: {}",
            "logging in with password {} as admin",
            'password "{}" was refused',
            "wrong password: {}",
            "Changed password for user elastic\nPASSWORD elastic = {}",
            "New value: {}",
            "Bootstrap Password: {}",
            "initial admin password: {}",
            "Login with username: admin  password: {}",
            "RootUser: admin RootPass: {}",
            "token {} is not valid any more",
            "invalid token: {}",
            "the api key {} was revoked",
            "access token '{}' has expired",
            "INFO password: {}",
            "[INFO] [auth] token: {}",
            "user=admin, password: {}",
            "config.password -> {}",
            "Set POSTGRES_PASSWORD to {}",
            "| password | {} |",
            "DB_PASSWORD   {}",
            "DB_PASSWORD\t{}",
            "password was set to '{}'",
            "secret is: {}",
            "passphrase for key: {}",
            "password={}, retrying",
            "(password={})",
            "password='{}',user='x'",
            "[password={}]",
            "password:{}",
            "password ={}",
            'password := "{}"',
            "let password = `{}`;",
            "os.environ['DB_PASSWORD'] = '{}'",
            "$env:API_TOKEN = '{}'",
            'env.SECRET_KEY="{}"',
            "\x1b[31mpassword=\x1b[0m{}".replace("\x1b[0m", ""),
            "pin_code: {}",
        )
    ):
        value = ALNUM[:24]
        yield Planted(f"sentence {number} {text.splitlines()[0]}", value, text.format(value))
    yield Planted("passphrase of words", "correct horse battery staple", "PASSPHRASE=correct horse battery staple")
    yield Planted("passphrase of words, YAML", "horse battery staple", "passphrase: correct horse battery staple\n")
    yield Planted("digits", DIGITS, f"password={DIGITS}")
    yield Planted("one time", "492817", "otp=492817")
    yield Planted("unicode", "pässwörd-é", "password=pässwörd-é")
    yield Planted("German", MIXED, f"Passwort: {MIXED}")
    yield Planted("cut off", MIXED, f'{{"password": "{MIXED}')
    yield Planted("default in a reference", MIXED, f"password: ${{DB_PASSWORD:-{MIXED}}}")


def _kubernetes() -> Iterator[Planted]:
    value = base64.b64encode(MIXED.encode()).decode()
    yield Planted("Secret", value, f"apiVersion: v1\nkind: Secret\nmetadata:\n  name: s\ndata:\n  anything: {value}\n")
    yield Planted(
        "Secret, data first", value, f"apiVersion: v1\ndata:\n  anything: {value}\nkind: Secret\nmetadata:\n  name: s\n"
    )
    yield Planted("Secret, text", MIXED, f"kind: Secret\nstringData:\n  config: {MIXED}\ntype: Opaque\n")
    yield Planted("Secret, block", MIXED, f"kind: Secret\nstringData:\n  config: |\n    line {MIXED}\ntype: Opaque\n")
    yield Planted(
        "Secret, JSON", value, json.dumps({"apiVersion": "v1", "kind": "Secret", "data": {"anything": value}})
    )
    yield Planted("Secret, JSON first", value, json.dumps({"data": {"anything": value}, "kind": "Secret"}))
    yield Planted("Secret, lines", value, json.dumps({"kind": "Secret", "data": {"anything": value}}, indent=2))
    applied = json.dumps({"kind": "Secret", "data": {"anything": value}})
    yield Planted("Secret, applied", value, f"  annotations:\n    last-applied: {json.dumps(applied)}")
    item = f"- apiVersion: v1\n  data:\n    anything: {value}\n  kind: Secret\n  metadata:\n    name: s\n"
    yield Planted("Secret, in a list", value, f"apiVersion: v1\nitems:\n{item}kind: List\n")
    yield Planted("kubeconfig token", ALNUM, f"users:\n- name: u\n  user:\n    token: {ALNUM}\n")
    yield Planted("kubeconfig key", value * 3, f"users:\n- name: u\n  user:\n    client-key-data: {value * 3}\n")
    yield Planted("kubeconfig password", WORD, f"  user:\n    username: admin\n    password: {WORD}\n")
    yield Planted("TLS key", value * 3, f"  tls.crt: x\n  tls.key: {value * 3}\n")
    yield Planted("describe", MIXED, f"    Environment:\n      DB_HOST:      db\n      DB_PASSWORD:  {MIXED}\n")
    yield Planted("bootstrap token", "9f2c1d7e8b3a4f60", "kubeadm join h --token abcdef.9f2c1d7e8b3a4f60")
    message = f'container said: could not connect to "postgres://app:{MIXED}@db:5432/app": timeout'
    yield Planted("termination message", MIXED, message)
    probe = f"Liveness probe failed: dial mysql root:{MIXED}@tcp(db:3306)/x: refused"
    yield Planted("probe", MIXED, probe)
    yield Planted("exec probe", MIXED, f"exec [mysqladmin ping -uroot -p{MIXED}]: exit 1")
    yield Planted("helm", MIXED, f"helm install x --set auth.password={MIXED},auth.user=x")
    yield Planted(
        "config map", MIXED, f"data:\n  app.properties: |\n    db.url=x\n    db.password={MIXED}\nkind: ConfigMap\n"
    )


def _known_forms() -> Iterator[Planted]:
    """Of the formats that quote or encode: the secret is what stands there."""
    for number, odd in enumerate(
        ('with "quotes" in', "with 'apostrophes' in", "back\\slash9x", "tab\tin9x", "a&b<c>d9x")
    ):
        text = json.dumps({"password": odd})
        yield Planted(f"JSON escapes {number}", json.dumps(odd)[1:-1], text)
        yield Planted(f"URL escapes {number}", quote(odd, safe=""), f"https://h/?password={quote(odd, safe='')}&x=1")


MANY = (
    "MONGO_INITDB_ROOT_PASSWORD: @@",
    "    REDIS_URL: redis://default:@@@redis:6379",
    "DATABASE_URL=postgres://u:@@@h/db",
    "- name: AIRFLOW__DATABASE__SQL_ALCHEMY_CONN\n  value: postgresql://a:@@@h/d",
    "kafka.sasl.jaas.config: org.apache...ScramLoginModule required username='u' password='@@';",
    "[DEBUG] Using credentials: user=admin pass=@@",
    "Login attempt: user 'bob' password '@@'",
    "auth: {username: bob, password: @@}",
    "pw: @@",
    "userPass=@@",
    "the secret is @@",
    "Your API key is: @@",
    "api-key: @@",
    "apikey @@",
    "X-API-KEY=@@",
    "'x-api-key': '@@'",
    "OPENAI_KEY=@@",
    "key_material=@@",
    "client_secret: '@@'",
    '"clientSecret" : "@@"',
    '<add key="Password" value="@@" />',
    '<password encrypted="false">@@</password>',
    "<input type=password name=pwd value=@@>",
    "--docker-password=@@",
    "--from-env-file x --set-string secret.token=@@",
    "helm upgrade --set global.postgresql.auth.password=@@",
    "-Dsecret=@@",
    "argocd account update-password --current-password @@ --new-password y",
    "snowsql -p @@",
    "git remote add o https://user:@@@github.example/x",
    "http://admin:@@@10.0.0.1:9200/_cat",
    "jdbc:postgresql://h/db?user=a&password=@@&ssl=true",
    "ldap bind: cn=admin,dc=x password=@@",
    "AUTH @@",
    "Cookie: _oauth2_proxy=@@|1700|x",
    "set-cookie: grafana_session=@@; HttpOnly",
    "authorization=Bearer%20@@",
    "Authorization:Bearer @@",
    'token: "@@"',
    "token = '@@'",
    "TOKEN => @@",
    "session_token: @@",
    "id_token=@@",
    "csrf_token=@@",
    "vault_token=@@",
    "encryption_key: @@@@",
    "hmac_secret=@@",
    "private_key: @@@@",
    "ssh_password=@@",
    "sudo_pass: @@",
    "become_pass: @@",
    "ansible_ssh_pass=@@",
    "Enter password for bob: @@",
    "password>@@",
    "password|@@|",
    "password;@@",
    "Password\t@@",
    "password .......... : @@",
    "credentials: bob:@@",
    "credentials=bob/@@",
    "basic_auth: bob:@@",
    'basicAuth("bob", "@@")',
    "HTTPBasicAuth('bob', '@@')",
    "auth=('bob', '@@')",
    "Secret(value='@@')",
    "SecretStr('@@')",
    "password:\\n@@",
    "PASSWORD is set to @@",
    'export const API_TOKEN = "@@"',
    "api_token: !vault @@",
    "oauth_token=@@, oauth_token_secret=@@x",
    "consumer_secret:@@",
    "signing-secret=@@",
    "GITLAB_RUNNER_REGISTRATION_TOKEN=@@",
    "AccountKey=@@==",
    "SharedAccessSignature=@@",
    "sas_token=sv=2020&sig=@@",
    "aws_secret_access_key = @@",
    "secretAccessKey: @@",
    "[client]\nuser=root\npassword=@@",
    '"password": ["@@"]',
    "passwords: [@@, abcDEF123]",
    '{"key":"password","value":"@@"}',
    '{"Key": "ApiToken", "Value": "@@"}',
    "- key: db-password\n  value: @@",
    "name=DB_PASSWORD value=@@",
    "DB_PASSWORD -> @@",
    'set password "@@" for bob',
    "password changed from @@ to abc",
    "pass: @@",
    "passcode=@@",
    "ENCRYPTED PASSWORD '@@'",
    "WITH LOGIN PASSWORD E'@@'",
    'echo "@@" | sudo -S id',
    "sshpass -p@@ ssh h",
    "psql postgresql://bob:@@@h",
    "PGPASSFILE x; PGPASSWORD='@@'",
)
"""Forms of this and that; ``@@`` is the secret."""


def _many() -> Iterator[Planted]:
    for number, text in enumerate(MANY):
        value = (MIXED, ALNUM[:20])[number % 2]
        yield Planted(f"form {number} {text}", value, text.replace("@@", value))
