"""Lines as the platform's products log them, with the words that secrets stand behind, and without any secret."""

from __future__ import annotations

import random
import re

LINES = r"""
[2026-01-02 03:04:05,678] INFO [SocketServer listenerType=ZK_BROKER, nodeId=<n>] Failed authentication with <host>/<ip> (channelId=<ip>:9092-<ip>:<port>-<n>) (SSL handshake failed) (org.apache.kafka.common.network.Selector)
[2026-01-02 03:04:05,678] INFO KafkaConfig values: sasl.jaas.config = null
	password.encoder.cipher.algorithm = AES/CBC/PKCS5Padding
	password.encoder.iterations = 4096
	password.encoder.key.length = 128
	password.encoder.keyfactory.algorithm = null
	password.encoder.old.secret = null
	password.encoder.secret = null
	ssl.key.password = null
	ssl.keystore.password = [hidden]
	ssl.truststore.password = [hidden]
	ssl.keystore.key = null
	ssl.keystore.certificate.chain = null
	ssl.keystore.location = /etc/kafka/secrets/kafka.keystore.jks
	delegation.token.expiry.time.ms = 86400000
	delegation.token.expiry.check.interval.ms = 3600000
	delegation.token.master.key = null
	delegation.token.max.lifetime.ms = 604800000
	delegation.token.secret.key = null
	sasl.oauthbearer.token.endpoint.url = null
	sasl.login.refresh.buffer.seconds = 300
	sasl.kerberos.principal.to.local.rules = [DEFAULT]
	sasl.oauthbearer.jwks.endpoint.retry.backoff.ms = 100
	key.converter = class org.apache.kafka.connect.json.JsonConverter
	key.deserializer = class org.apache.kafka.common.serialization.StringDeserializer
	key.serializer = class org.apache.kafka.common.serialization.ByteArraySerializer
	authorizer.class.name = org.apache.kafka.metadata.authorizer.StandardAuthorizer
	principal.builder.class = class org.apache.kafka.common.security.authenticator.DefaultKafkaPrincipalBuilder
[2026-01-02 03:04:05,678] ERROR [Consumer clientId=c-<n>, groupId=g] Authentication failed during authentication due to invalid credentials with SASL mechanism SCRAM-SHA-512 (org.apache.kafka.clients.NetworkClient)
[2026-01-02 03:04:05,678] WARN [Producer clientId=producer-<n>] Connection to node -1 (<host>/<ip>:9092) failed authentication due to: Authentication failed during authentication due to invalid credentials with SASL mechanism SCRAM-SHA-256
[2026-01-02 03:04:05,678] INFO Successfully authenticated as User:broker using SCRAM-SHA-256 (org.apache.kafka.common.security.scram)
[2026-01-02 03:04:05,678] INFO [Admin Manager on Broker <n>]: updating SCRAM credentials for user mlflow (kafka.server)
[2026-01-02 03:04:05,678] INFO Compacted log for partition orders-<n>: key range 0 to <n>, 4 keys kept
[2026-01-02 03:04:05,678] WARN Null key for record at offset <n> in compacted topic orders; record key: null
[2026-01-02 03:04:05,678] INFO [GroupCoordinator <n>]: Dynamic member with unknown member id joins group g, session timeout <n>
[2026-01-02 03:04:05,678] INFO Initialized transactional state, sessionId = 0x1000<n>ab, negotiated timeout = 18000
org.apache.kafka.common.errors.SaslAuthenticationException: Authentication failed: Invalid username or password
org.apache.kafka.common.errors.TopicAuthorizationException: Not authorized to access topics: [orders-<n>]
Caused by: org.apache.kafka.common.KafkaException: Failed to load SSL keystore /etc/kafka/secrets/ks.p12 of type PKCS12
Caused by: java.io.IOException: keystore password was incorrect
Caused by: javax.crypto.BadPaddingException: Given final block not properly padded. Such issues can arise if a bad key is used during decryption.
[2026-01-02T03:04:05,678][INFO ][o.e.x.s.s.SecurityIndexManager] [master-<n>] security index does not exist, creating [.security-7] with alias [.security]
[2026-01-02T03:04:05,678][INFO ][o.e.x.s.a.AuthenticationService] [master-<n>] Authentication of [elastic] was terminated by realm [reserved] - failed to authenticate user [elastic]
[2026-01-02T03:04:05,678][WARN ][o.e.x.s.a.ApiKeyService] [data-<n>] Authentication using apikey failed - api key [VuaCfGcBCdbkQm] has been invalidated
[2026-01-02T03:04:05,678][INFO ][o.e.x.s.a.TokenService ] [data-<n>] refresh tokens older than <n> hours are removed
[2026-01-02T03:04:05,678][WARN ][o.e.x.s.t.n.SecurityNetty4HttpServerTransport] received plaintext http traffic on an https channel, closing connection
[2026-01-02T03:04:05,678][INFO ][o.e.x.s.Security] [master-<n>] Security is enabled
[2026-01-02T03:04:05,678][ERROR][o.e.b.Elasticsearch] fatal exception while booting: org.elasticsearch.ElasticsearchSecurityException: failed to load SSL configuration [xpack.security.http.ssl] - cannot read configured PKCS12 keystore - this is usually caused by an incorrect password
[2026-01-02T03:04:05,678][INFO ][o.e.c.s.KeyStoreWrapper] keystore.seed created, keystore entries: 3
[2026-01-02T03:04:05,678][DEBUG][o.e.x.s.a.RealmsAuthenticator] Authenticating [token] for [<ip>]
{"error":{"root_cause":[{"type":"security_exception","reason":"missing authentication credentials for REST request [/_cluster/health]","header":{"WWW-Authenticate":["Basic realm=\"security\" charset=\"UTF-8\"","Bearer realm=\"security\"","ApiKey"]}}],"type":"security_exception"},"status":401}
{"error":{"type":"parsing_exception","reason":"Unknown key for a START_OBJECT in [aggs].","line":1,"col":<n>},"status":400}
{"error":{"type":"json_parse_exception","reason":"Unexpected character ('}' (code 125)): was expecting double-quote to start field name; unexpected token: END_OBJECT"},"status":400}
{"type":"illegal_argument_exception","reason":"unable to authenticate user [elastic] for REST request [/]"}
"analysis": {"tokenizer": {"my_tokenizer": {"type": "ngram", "token_chars": ["letter", "digit"], "max_token_length": <n>}}}
{"tokens":[{"token":"quick","start_offset":0,"end_offset":5,"type":"<ALPHANUM>","position":<n>}]}
{"key_as_string":"2026-01-02T00:00:00.000Z","key":17040<n>,"doc_count":<n>}
{"buckets":[{"key":"error","doc_count":<n>},{"key":"warning","doc_count":<n>}]}
{"took":<n>,"errors":false,"items":[{"index":{"_index":"a","_id":"<n>","status":201,"_primary_term":1}}]}
2026-01-02 03:04:05.678 UTC [<n>] FATAL:  password authentication failed for user "mlflow"
2026-01-02 03:04:05.678 UTC [<n>] DETAIL:  Connection matched file "/var/lib/postgresql/data/pg_hba.conf" line <n>: "host all all all scram-sha-256"
2026-01-02 03:04:05.678 UTC [<n>] FATAL:  no pg_hba.conf entry for host "<ip>", user "mlflow", database "mlflow", no encryption
2026-01-02 03:04:05.678 UTC [<n>] DETAIL:  Role "mlflow" has no password assigned.
2026-01-02 03:04:05.678 UTC [<n>] DETAIL:  User "mlflow" has an expired password.
2026-01-02 03:04:05.678 UTC [<n>] ERROR:  duplicate key value violates unique constraint "experiments_pkey"
2026-01-02 03:04:05.678 UTC [<n>] DETAIL:  Key (experiment_id)=(<n>) already exists.
2026-01-02 03:04:05.678 UTC [<n>] DETAIL:  Key (token_id)=(<n>) is still referenced from table "sessions".
2026-01-02 03:04:05.678 UTC [<n>] ERROR:  insert or update on table "tags" violates foreign key constraint "tags_run_uuid_fkey"
2026-01-02 03:04:05.678 UTC [<n>] ERROR:  syntax error at or near "TOKEN" at character <n>
2026-01-02 03:04:05.678 UTC [<n>] STATEMENT:  ALTER TABLE users ADD COLUMN password_hash character varying(255)
2026-01-02 03:04:05.678 UTC [<n>] STATEMENT:  CREATE TABLE tokens (id serial PRIMARY KEY, token_type text, expires_at timestamp)
2026-01-02 03:04:05.678 UTC [<n>] STATEMENT:  SELECT key, value FROM params WHERE run_uuid = $1 AND key = $2
2026-01-02 03:04:05.678 UTC [<n>] LOG:  connection authenticated: identity="mlflow" method=scram-sha-256 (/etc/postgresql/pg_hba.conf:<n>)
2026-01-02 03:04:05.678 UTC [<n>] LOG:  connection authorized: user=mlflow database=mlflow application_name=psql
psql: error: connection to server at "<host>" (<ip>), port 5432 failed: fe_sendauth: no password supplied
password_encryption = scram-sha-256
 Password for user mlflow: 
sqlalchemy.exc.OperationalError: (psycopg2.OperationalError) FATAL:  password authentication failed for user "superset"
2026-01-02 03:04:05.678+0000 WARN  [bolt-<n>] The client is unauthorized due to authentication failure.
2026-01-02 03:04:05.678+0000 INFO  Changed password for user 'neo4j'. IMPORTANT: this change will only take effect if performed before the database is started for the first time.
2026-01-02 03:04:05.678+0000 ERROR Failed authentication attempt for 'neo4j' from <ip>
2026-01-02 03:04:05.678+0000 WARN  The user password has expired and must be changed: password change required
Neo.ClientError.Security.CredentialsExpired: Permission denied. The credentials you provided were valid, but must be changed before you can use this instance.
Neo.ClientError.Security.Unauthorized: The client is unauthorized due to authentication failure.
Neo.ClientError.Security.AuthenticationRateLimit: The client has provided incorrect authentication details too many times in a row.
Neo.ClientError.Schema.ConstraintValidationFailed: Node(<n>) already exists with label `Key` and property `token` = 'a'
Neo.ClientError.Statement.PropertyNotFound: Property key `secret` does not exist in database
2026-01-02 03:04:05.678+0000 INFO  Index TOKEN LOOKUP [ Index( id=<n>, name='index_343aff4e', type='LOOKUP' ) ] is ready
2026-01-02 03:04:05.678+0000 INFO  Creating property key token with id <n>
2026/01/02 03:04:05 WARNING mlflow.server.auth: This feature is still experimental; default admin password should be changed
2026/01/02 03:04:05 INFO mlflow.tracking: Logged params: max_tokens=4096, temperature=0.<n>, tokenizer=bert
2026/01/02 03:04:05 INFO mlflow.utils.credentials: No credentials found for host <host>
mlflow.exceptions.MlflowException: API request to endpoint /api/2.0/mlflow/users/create failed with error code 401 != 200. Response body: 'You are not authenticated. Please see documentation on how to authenticate.'
mlflow.exceptions.RestException: INVALID_PARAMETER_VALUE: Param key 'token_limit' has length <n>, which exceeded length limit of 250
mlflow.exceptions.MlflowException: Invalid token: unexpected end of input
mlflow.exceptions.MlflowException: Changing param values is not allowed. Param with key='lr' was already logged with value='0.<n>' for run ID='a'
{"prompt_tokens": <n>, "completion_tokens": <n>, "total_tokens": <n>}
usage: prompt_tokens=<n> completion_tokens=<n> total_tokens=<n>
max_tokens=4096
max_new_tokens: <n>
num_tokens = <n>, tokens_per_second = <n>.5
eos_token=</s> pad_token=<pad> bos_token=<s> unk_token=<unk>
eos_token_id: <n>, pad_token_id: 0
The attention mask and the pad token id were not set. Setting `pad_token_id` to `eos_token_id`:<n> for open-end generation.
Token indices sequence length is longer than the specified maximum sequence length for this model (<n> > 512)
Special tokens have been added in the vocabulary, make sure the associated word embeddings are fine-tuned or trained.
throughput: <n> tokens/s, prompt tokens: <n>, key-value cache usage: 12.3%
(raylet) key=<n> not found in the GCS table, retrying
2026-01-02 03:04:05,678 INFO worker.py:<n> -- Connecting to existing Ray cluster at address: <ip>:6379...
2026-01-02 03:04:05,678 WARNING services.py:<n> -- WARNING: The object store is using /tmp instead of /dev/shm because /dev/shm has only <n> bytes available.
2026-01-02 03:04:05,678 INFO job_manager.py:<n> -- Starting job with submission_id: raysubmit_aBcDeFgHiJkLmNop
2026-01-02 03:04:05,678 ERROR Ray token authentication is enabled but no token was found; set RAY_AUTH_TOKEN or RAY_AUTH_TOKEN_PATH
2026-01-02 03:04:05,678 INFO token_loader.cc:<n>: Loaded authentication token from file /data/ray/auth_token
RuntimeError: Failed to connect to Ray: invalid authentication token
KeyError: 'password'
KeyError: "token"
KeyError: 'secret_key'
AttributeError: 'Config' object has no attribute 'api_key'
TypeError: connect() got an unexpected keyword argument 'password'
TypeError: __init__() missing 1 required positional argument: 'token'
ValueError: Invalid header key: 'X-Token'
jwt.exceptions.ExpiredSignatureError: Signature has expired
jwt.exceptions.InvalidTokenError: Not enough segments
jwt.exceptions.InvalidSignatureError: Signature verification failed
botocore.exceptions.NoCredentialsError: Unable to locate credentials
botocore.exceptions.PartialCredentialsError: Partial credentials found in env, missing: AWS_SECRET_ACCESS_KEY
botocore.exceptions.ClientError: An error occurred (InvalidAccessKeyId) when calling the ListBuckets operation: The AWS Access Key Id you provided does not exist in our records.
botocore.exceptions.ClientError: An error occurred (SignatureDoesNotMatch) when calling the GetObject operation: The request signature we calculated does not match the signature you provided. Check your key and signing method.
botocore.exceptions.ClientError: An error occurred (ExpiredToken) when calling the GetObject operation: The security token included in the request is expired
botocore.exceptions.ClientError: An error occurred (NoSuchKey) when calling the GetObject operation: The specified key does not exist.
2026-01-02 03:04:05,678 [INFO] botocore.credentials: Found credentials in environment variables.
2026-01-02 03:04:05,678 [INFO] botocore.credentials: Found credentials in shared credentials file: ~/.aws/credentials
<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message><Key>runs/<n>/model.pkl</Key><RequestId>tx<n></RequestId></Error>
<Error><Code>InvalidAccessKeyId</Code><Message>The access key Id you provided does not exist in our records.</Message></Error>
I0102 03:04:05.678901 filer.go:<n>] read filer metadata key=/buckets/mlflow/<n> chunk=3,0<n>a
I0102 03:04:05.678901 auth_credentials.go:<n>] Loaded <n> identities from the configuration file
W0102 03:04:05.678901 s3api_server.go:<n>] no signing key for JWT: set jwt.signing.key in security.toml
E0102 03:04:05.678901 auth_signature_v4.go:<n>] request signature does not match: access key unknown
AppErr S3: key runs/<n>/artifacts/model.pkl not found
PUT /mlflow-artifacts/runs/<n>/params key=lr size=<n> status=200
2026-01-02 03:04:05,678:INFO:flask_appbuilder.security.sqla.manager:Inserted Role: Admin
2026-01-02 03:04:05,678:INFO:superset.security.manager:Creating missing datasource permissions.
2026-01-02 03:04:05,678:WARNING:superset.initialization:A Default SECRET_KEY was detected, please use superset_config.py to override it.
2026-01-02 03:04:05,678:WARNING:superset.initialization:Use a strong complex alphanumeric string and use a tool to help you generate a sufficiently random sequence, ex: openssl rand -base64 42
Refusing to start due to insecure SECRET_KEY
2026-01-02 03:04:05,678:ERROR:flask_wtf.csrf:The CSRF token is missing.
2026-01-02 03:04:05,678:ERROR:flask_wtf.csrf:The CSRF session token is missing.
2026-01-02 03:04:05,678:ERROR:flask_wtf.csrf:The CSRF token has expired.
2026-01-02 03:04:05,678:ERROR:superset.views.base:Missing Authorization Header
2026-01-02 03:04:05,678:INFO:werkzeug:<ip> - - [02/Jan/2026 03:04:05] "POST /api/v1/security/login HTTP/1.1" 401 -
2026-01-02 03:04:05,678:INFO:werkzeug:<ip> - - [02/Jan/2026 03:04:05] "GET /api/v1/security/csrf_token/ HTTP/1.1" 200 -
2026-01-02 03:04:05,678:INFO:werkzeug:<ip> - - [02/Jan/2026 03:04:05] "GET /api/v1/chart/data?form_data_key=&slice_id=<n> HTTP/1.1" 200 -
2026-01-02 03:04:05,678:WARNING:superset.utils.cache:Cache key: dashboard_<n> not found, computing
{"message": "Not authorized", "error": "Invalid login: bad credentials"}
{"msg": "Bad Authorization header. Expected 'Authorization: Bearer <JWT>'"}
{"msg": "Token has expired"}
{"message":"Missing Authorization Header","status":401}
2026-01-02 03:04:05,678 WARN (mysql-nio-pool-<n>|<n>) [MysqlProto.negotiate():<n>] authentication failed for user root from <ip>
2026-01-02 03:04:05,678 INFO (main|1) [Auth.grantInternal():<n>] finished to grant privileges. is replay: true
2026-01-02 03:04:05,678 INFO (thrift-server-pool-<n>|<n>) [ReportHandler.handleReport():<n>] receive report from be <n>. type: TABLET, token=null
ERROR 1045 (28000): Access denied for user 'root'@'<ip>' (using password: YES)
ERROR 1045 (28000): Access denied for user 'root@<ip>' (using password: NO)
W20260102 03:04:05.678901 <n> tablet_sink.cpp:<n>] key columns count mismatch: DUPLICATE KEY(`id`), got <n>
I20260102 03:04:05.678901 <n> token_checker.cpp:<n>] token check passed, cluster id: <n>
DISTRIBUTED BY HASH(`user_id`) BUCKETS <n> PROPERTIES ("replication_num" = "1") -- UNIQUE KEY(`user_id`)
errCode = 2, detailMessage = Unexpected exception: Failed to get token from master, status: 401
errCode = 2, detailMessage = Syntax error in line 1: unexpected token 'PASSWORD' near <n>
2026-01-02 03:04:05,678 [main] INFO  c.d.a.a.AuthenticatorChain - Authentication chain: DataHubSystemAuthenticator, DataHubTokenAuthenticator
2026-01-02 03:04:05,678 [qtp-<n>] WARN  c.d.a.a.DataHubTokenAuthenticator - Failed to authenticate inbound request: Unable to verify the provided token.
2026-01-02 03:04:05,678 [main] WARN  c.d.a.t.StatefulTokenService - Token signing key was not configured, default signing algorithm: HS256
2026-01-02 03:04:05,678 [main] INFO  c.l.m.s.KeyAspect - key aspect datasetKey for urn:li:dataset:(urn:li:dataPlatform:kafka,orders-<n>,PROD)
2026-01-02 03:04:05,678 [main] INFO  c.l.m.k.KafkaHealthChecker - keyspace ready after <n> ms
Exception: Access token is invalid: token type PERSONAL, actor urn:li:corpuser:datahub
I0102 03:04:05.678901       1 controller.go:<n>] syncing secret data/pg-app-<n>
I0102 03:04:05.678901       1 client_ca_cloner.go:<n>] Loaded a new CA Bundle and Verifier for "client-ca-bundle::/etc/kubernetes/pki/ca.crt"
I0102 03:04:05.678901       1 tokens_controller.go:<n>] "Starting tokens controller"
W0102 03:04:05.678901       1 reflector.go:<n>] failed to list *v1.Secret: secrets is forbidden: User "system:serviceaccount:data:app" cannot list resource "secrets" in API group "" in the namespace "data"
E0102 03:04:05.678901       1 authentication.go:<n>] "Unable to authenticate the request" err="[invalid bearer token, service account token has expired]"
E0102 03:04:05.678901       1 authentication.go:<n>] Unable to authenticate the request due to an error: [invalid bearer token, square/go-jose: error in cryptographic primitive]
E0102 03:04:05.678901       1 pod_workers.go:<n>] "Error syncing pod, skipping" err="failed to \"StartContainer\" for \"app\" with CreateContainerConfigError: \"secret \\\"db-credentials\\\" not found\""
Warning  Failed     <n>s  kubelet  Error: secret "mlflow-db-credentials" not found
Warning  Failed     <n>s  kubelet  Error: couldn't find key password in Secret data/pg-app
Warning  FailedMount  <n>s  kubelet  MountVolume.SetUp failed for volume "tls" : secret "kafka-user-<n>" not found
Warning  Failed     <n>s  kubelet  Failed to pull image "registry.example/x:1.<n>": unauthorized: authentication required
Warning  FailedToRetrieveImagePullSecret  <n>s  kubelet  Unable to retrieve some image pull secrets (regcred); attempting to pull the image may not succeed.
Error: secret "my-secret-<n>" not found
Error from server (NotFound): secrets "sentry-token-<n>" not found
  secretName: kafka-tls-<n>
  serviceAccountToken: {expirationSeconds: 3607, path: token}
  automountServiceAccountToken: false
  imagePullSecrets: [{name: regcred}]
    secretKeyRef: {name: pg-app, key: password}
      DB_PASSWORD:  <set to the key 'password' in secret 'pg-app'>  Optional: false
      /var/run/secrets/kubernetes.io/serviceaccount from kube-api-access-<n>x (ro)
    - name: DB_PASSWORD_FILE
    TokenExpirationSeconds:  3607
  type: kubernetes.io/service-account-token
{"level":"info","ts":1704164645.<n>,"msg":"token review succeeded","user":"system:serviceaccount:data:app"}
{"level":"error","ts":1704164645.<n>,"msg":"reconciler error","controller":"externalsecret","name":"pg-app","error":"could not get secret data from provider"}
{"level":"warn","msg":"secret key not found","key":"password","secret":"data/pg-app"}
{"level":"info","msg":"rotated credentials","secretName":"pg-app","keys":["username","password"],"count":<n>}
{"level":"debug","msg":"cache miss","key":"tenant:<n>:settings","ttl":"30s"}
level=error msg="Failed to load target state: rpc error: code = Unauthenticated desc = no session information: invalid session: token is expired"
level=warning msg="Failed to resync revoked tokens. retrying again in 1 minute: dial tcp <ip>:6379: i/o timeout"
level=info msg="finished unary call" grpc.code=Unauthenticated grpc.method=List error="invalid session: signature is invalid"
level=info msg="secret argocd-initial-admin-secret exists already"
time="2026-01-02T03:04:05Z" level=info msg="Loaded TLS configuration from secret argocd/argocd-server-tls"
time="2026-01-02T03:04:05Z" level=error msg="authorization failed: token: expired"
time="2026-01-02T03:04:05Z" level=warning msg="password: too short, must have at least <n> characters"
time="2026-01-02T03:04:05Z" level=info msg="session secret loaded" keys=<n>
time="2026-01-02T03:04:05Z" level=info msg="Alloc=<n> TotalAlloc=<n> auth disabled"
[I 2026-01-02 03:04:05.678 ServerApp] 302 GET / (<ip>) <n>ms; no token given
[W 2026-01-02 03:04:05.678 ServerApp] All authentication is disabled.  Anyone who can connect to this server will be able to run code.
[C 2026-01-02 03:04:05.678 ServerApp] Invalid credentials, 403 POST /login (<ip>)
[I 2026-01-02 03:04:05.678 ServerApp] Writing Jupyter server cookie secret to /data/jovyan/.local/share/jupyter/runtime/jupyter_cookie_secret
[W 2026-01-02 03:04:05.678 ServerApp] Clearing invalid/expired login cookie username-<host>
[W 2026-01-02 03:04:05.678 ServerApp] '_xsrf' argument missing from POST
[I 2026-01-02 03:04:05.678 ServerApp] Kernel started: key rotation every <n> s
2026-01-02T03:04:05Z INFO katib.controller: suggestion key: lr, feasible space 0.<n> to 0.1
2026-01-02T03:04:05Z ERROR ml-pipeline: Failed to authorize the request: there is no user identity header. Request header error: there is no user identity header.
2026-01-02T03:04:05Z ERROR ml-pipeline: Unauthorized access: PermissionDenied: User 'a@b.example' is not authorized with reason: (request: &ResourceAttributes{Namespace:data,Verb:list})
2026-01-02T03:04:05Z INFO ml-pipeline: cache key computed for task train-<n>
2026-01-02T03:04:05Z WARN workflow-controller: secret "mlpipeline-minio-artifact" missing key "secretkey"
2026-01-02T03:04:05Z INFO wait: Taking artifact repository credentials from secret mlpipeline-minio-artifact: accesskey, secretkey
error: You must be logged in to the server (Unauthorized): the provided credentials are invalid
error: unable to read client-key /etc/pki/client.key for admin due to open /etc/pki/client.key: permission denied
error: tls: private key does not match public key
error: tls: failed to find any PEM data in key input
x509: certificate signed by unknown authority (possibly because of "crypto/rsa: verification error" while trying to verify candidate authority certificate "kubernetes")
ssl.SSLError: [SSL: KEY_VALUES_MISMATCH] key values mismatch (_ssl.c:<n>)
curl: (67) Access denied: login denied
HTTP/1.1 401 Unauthorized
WWW-Authenticate: Bearer realm="https://auth.example/token",service="registry.example",scope="repository:x:pull"
WWW-Authenticate: Basic realm="MLflow"
{"errors":[{"code":"UNAUTHORIZED","message":"authentication required","detail":null}]}
{"error":"invalid_token","error_description":"The access token expired"}
{"error":"invalid_grant","error_description":"Invalid refresh token"}
{"error":"invalid_client","error_description":"Client authentication failed: unknown client secret"}
{"token_type":"Bearer","expires_in":<n>,"scope":"read"}
{"password_policy":{"min_length":<n>,"require_digits":true},"password_expiry_days":90}
{"authentication": {"type": "password", "enabled": true}, "token_ttl": "<n>m"}
{"kind":"TokenReview","apiVersion":"authentication.k8s.io/v1","status":{"authenticated":false,"error":"token lookup failed"}}
token: expired
token: invalid
Token: not found
password: incorrect
Error: password: must not be empty
secret: not found
invalid token: unexpected
unexpected token: identifier
unexpected token: )
unknown token: <n>
missing key: name
SyntaxError: Unexpected token < in JSON at position <n>
SyntaxError: Unexpected token '}', "{ "a": }" is not valid JSON
com.fasterxml.jackson.core.JsonParseException: Unrecognized token 'abc': was expecting (JSON String, Number, Array, Object or token 'null', 'true' or 'false')
yaml.scanner.ScannerError: while scanning for the next token found character '\t' that cannot start any token
toml.decoder.TomlDecodeError: Key name found without value. Reached end of line.
sudo: a password is required
sudo: 3 incorrect password attempts
passwd: password expiry information changed.
su: Authentication failure
Permission denied (publickey,password).
Host key verification failed.
debug1: Next authentication method: password
debug1: Server host key: ssh-ed25519 SHA256:<n>abcdefghij
Load key "/etc/ssh/id": bad permissions
PING passed, <n> checks passed, 0 failed; bypass=false compass=north
passing key=<n> to the next stage; pass 2 of <n>
partition_key=<n> sort_key=abc cache_key=user:<n> primary_key=id
public_key=ssh-rsa key_size=<n> key_type=RSA key_id=<n>
shard_key: user_id, routing_key: orders.<n>, foreign_key: order_id
primary key (id, token_id), unique key `uk_token` (`token_hash`)
authors=<n> author=jane authority=example.org oauth_provider=github
auth=enabled auth_mode=basic authenticator=AllowAll
auth: required
authentication: enabled
authorization: RBAC
Authorization: required
cookie: SameSite=Lax is recommended
session_cookie_secure=true cookie_max_age=<n>
sessionTimeout=18000 sessionid:0x<n>
signature_version=s3v4 signature: valid
significant=<n> assigned=<n> signal=SIGTERM sigma=0.<n>
tokenizer=standard token_count=<n> token_expiry=3600 token_url=https://auth.example/token
password_min_length=<n> password_policy=strong password_file=/run/secrets/db-password
secret_name=pg-app secretRef=pg-app secret_version=<n> secrets_dir=/run/secrets
api_key_id=<n> api_key_name=ci api_key_header=X-Api-Key apiKeyAuth=true
credentials_provider=EnvironmentVariableCredentialsProvider credential_type=iam
credentials=include mode=cors
use_ssl=true ssl_verify=false sslmode=verify-full sslkey=/etc/pki/client.key
password=*** user=mlflow host=<host>
password=<redacted> token=[REDACTED] secret=xxxxx
password=${DB_PASSWORD} token=$TOKEN secret={{ .Values.secret }}
password=None token=null secret=undefined
password: ""
token: null
--password-file /run/secrets/db --token-ttl 24h --secret-name pg-app --key-file k.pem
  --password string   password for basic authentication to the API server
  --token string      bearer token for authentication to the API server
Usage: app [--password PASSWORD] [--token TOKEN] [--api-key API_KEY]
def connect(host: str, password: str, token: str | None = None) -> Client:
def login(self, user, password=None, token=None): ...
    password = getpass.getpass()
    token = os.environ["API_TOKEN"]
    if token is None: raise ValueError("token is required")
    return Client(password=self.password, token=settings.token)
password = config.get("password")
const token = await getToken();
secret, err := client.CoreV1().Secrets(ns).Get(ctx, name, metav1.GetOptions{})
commit a1b2c3d4: rotate secrets, bump token lifetime to <n>h
docs: how to set a password (see README)
fix(auth): refresh token only once (#<n>)
ETag: "9f86d081884c7d659a2feaa0c55ad015", Content-MD5 matches, key runs/<n>
image registry.example/app@sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 key verified
digest sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 signature ok
pod app-7bcfc5d944-hw2vc owns token lease 3f2504e0-4f89-11d3-9a0c-0305e82c3301
run pv-20260102030405-a1b2c3 key store.keeps passed
GET http://127.0.0.1:20110/path?who=a@b HTTP/1.1
contact ops@example.org about the secret rotation at https://wiki.example/x?page=secret-rotation
mail from=<jane@example.org> auth=pass dkim=pass spf=pass
git@github.example:org/repo.git: key fetched
kubectl get secret pg-app -o name && kubectl describe secret pg-app
kubectl create token app -n data --duration 1h
kubectl -n data get pods -l app=token-service
mkdir -p /run/secrets && chmod 700 /run/secrets
ps -p <n> -o pid,comm; ssh -p 22 deploy@<host> true
docker run -u 1000:1000 -p 8080:80 --secret id=npmrc image
docker run --user node:node -p 9092:9092 registry.example/kafka
mysql -h <host> -P 9030 -u root -e 'SHOW FRONTENDS'
psql -h <host> -p 5432 -U mlflow -c 'SELECT 1'
openssl pkcs12 -in ks.p12 -nokeys -passin env:KS_PASSWORD
NAME                TYPE     DATA   AGE
pg-app-token        Opaque   <n>      12d
TOKEN               TTL      EXPIRES                USAGES
PASSWORD   STATUS   LAST CHANGED
passphrase-protected keys are not supported
the password is incorrect
the password is too weak: use at least <n> characters
your token is about to expire in <n> minutes
password for user mlflow has not been set
no password for user mlflow was found in /run/secrets/pg
password authentication is disabled; use a key
token of user jane was revoked by admin
secret of namespace data synced by operator
wrong password for user admin, attempt <n> of 5
bad password: login refused
access token: refresh failed
access token refreshed in <n> ms
api key: missing
api key validated for tenant <n>
credentials: not configured
the secret key must be 32 bytes, got <n>
key rotation finished: <n> keys rotated, 0 keys skipped
encryption key loaded from file /etc/enc.key
encryption key: not loaded
signing key rotated; next rotation in <n>h
private key is readable by others: /etc/ssl/private/tls.key
master key not found, using default
2026-01-02 INFO keystore loaded: 3 entries, alias=ca
Authentication successful for principal User:CN=broker
The key 'database.password' is deprecated, use 'database.credentials' instead
Property spring.datasource.password is set via environment
Using default password encoder: BCryptPasswordEncoder
Token bucket exhausted for client 10.0.0.3, refill in 250 ms
Rate limit: 40000 tokens per minute (used 3921)
tokenizer_config.json loaded, added_tokens: 3
loss=0.231 tokens/sec=1523.2 lr=0.0003
Generated 512 tokens in 3.2s
unable to find secret "tls-cert" in namespace "data"
Secret "pg-app" of type kubernetes.io/basic-auth created
secret/pg-app configured
token/abc not found
serviceaccount/default patched (secrets)
key=orders-17 value=null partition=3
Reading key "config/app.yaml" from bucket models
Key not found: model.pkl
foreign key constraint fails (`db`.`t`, CONSTRAINT `fk_token` FOREIGN KEY (`token_id`) REFERENCES `tokens` (`id`))
User authentication via token is disabled
auth provider=ldap realm=corp status=ok
auth_basic "Restricted"; auth_basic_user_file /etc/nginx/.htpasswd;
password field is empty
passwordless login enabled
Password must contain at least one digit
Your password will expire in 7 days
password reset link sent to user 42
failed password for root from 10.0.0.1 port 22 ssh2
Failed password for invalid user admin from 10.0.0.1 port 51123 ssh2
Accepted publickey for deploy from 10.0.0.1 port 22 ssh2: RSA SHA256:abc
session opened for user root by (uid=0)
pam_unix(sshd:auth): authentication failure; logname= uid=0 euid=0 tty=ssh
passing through 3 stages, all checks passed: true
bypass cache for key user:1
compass heading 270
certificate verify failed: unable to get local issuer certificate
signature algorithm: sha256WithRSAEncryption
Signature valid until 2027-01-01
csrf protection enabled=true
cookie consent: accepted
Set-Cookie header missing Secure attribute
invalid cookie name
secrets manager: aws
secret manager endpoint=https://sm.example:443 region=eu-1
api_key required but not provided
api key: not set
apiKey: null
access_token: null, refresh_token: null
refresh token flow not supported
Bearer authentication required
Bearer token expired
bearer realm="x"
Basic authentication failed for user bob
credential helper osxkeychain not found
credentials.json: no such file
~/.docker/config.json: auths empty
SASL mechanism PLAIN not enabled, expected SCRAM-SHA-512
ssl.key.location=/etc/ssl/key.pem
key.converter.schemas.enable=false
internal.key.converter=org.apache.kafka.connect.json.JsonConverter
partition.assignment key hash=1293847
hash key: 9f86d081 bucket 3
Unique key(s): id, name
"key": "value"
"keys": ["a", "b"]
{"token": null}
{"token_count": 17, "max_tokens": 256}
{"secretRef": {"name": "x"}}
{"password": ""}
{"hasPassword": true, "passwordChanged": "2026-01-01T00:00:00Z"}
PASSWORD_FILE=/run/secrets/pw
secretKeyRef key=password name=pg
mounting secret volume "certs" at /etc/certs
pushing image with digest sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a
continue token expired, restarting list
resourceVersion too old; continue=eyJ2
resumeToken is undefined
nextPageToken=CAUQAA
page token: 3
syntax error, unexpected token "end", expecting ';'
expected token ',' got 'string'
Jinja: unexpected 'end of template', expected token 'end of print statement'
EOF token reached
<token> placeholder
token<2>
[TOKEN] counter=3
author: bob
authority: https://login.example
oauth2 callback url: https://x.example/cb
Keycloak realm imported
keyspace=data keycloak=up
monkey patched
hotkey pressed
"""


def lines() -> list[str]:
    """Each of the lines with two sets of numbers, hosts and ports: from the same seed the same."""
    fill = random.Random(14)
    found = [line for line in LINES.splitlines() if line.strip()]
    return [_filled(line, fill) for line in found for _ in range(2)]


def _filled(line: str, fill: random.Random) -> str:
    def value(mark: re.Match[str]) -> str:
        if mark[1] == "n":
            return str(fill.randint(2, 9000))
        if mark[1] == "port":
            return str(fill.randint(30000, 60000))
        if mark[1] == "ip":
            return f"10.0.{fill.randint(0, 255)}.{fill.randint(1, 254)}"
        return f"{fill.choice(['kafka', 'pg', 'es', 'fe'])}-{fill.randint(0, 5)}.data.svc"

    return re.sub("<(n|port|ip|host)>", value, line)
