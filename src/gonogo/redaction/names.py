"""What a name says of its value: ``DB_PASSWORD`` and ``apiKey`` hold a secret, ``max_tokens`` holds none.

A name is split into words (``sslKeystorePassword``: ssl, keystore, password), and judged by its last secret word and
by what stands before and after that. Nothing here looks at values.
"""

from __future__ import annotations

from enum import IntEnum

from gonogo.redaction.patterns import pattern


class Held(IntEnum):
    """What stands behind a name, by how surely it is secret."""

    NOTHING = 0
    RANDOM = 1
    """Secret where the value looks random: ``sensor_key``, ``tokens``."""
    SECRET = 2
    """``token``, ``client_secret``, ``API_KEY``."""
    PASSWORD = 3
    """What people choose, so that it may look like a word."""
    HEADER = 4
    """``Authorization``: a scheme, and the rest of the line."""
    COOKIE = 5
    """All pairs of the line."""


def words(text: str) -> frozenset[str]:
    """The words of a text, as a set."""
    return frozenset(text.split())


_WORD = pattern(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")

_PASSWORDS = words(
    "password passwords passwd pass pwd pw psw pword passphrase passphrases passcode passwort kennwort kennung "
    "motdepasse contrasena senha userpassword pin pincode keypass storepass requirepass masterauth rootpw bindpw "
    "mnemonic"
)
_SECRETS = words(
    "secret token credential credentials cred creds jwt otp totp psk apikey accesskey secretkey privatekey "
    "authkey accountkey sharedkey sessionkey signingkey encryptionkey masterkey fernetkey cookiesecret bearer sig "
    "signature sas auth apitoken authtoken accesstoken refreshtoken csrf xsrf csrftoken jsessionid phpsessid "
    "sessionid sessid connectionstring pgpass htpasswd dockerconfigjson dockercfg identitytoken registrytoken "
    "unsealkey"
)
_PLURALS = words("tokens secrets keys signatures apikeys auths")
_ENDINGS = (
    "password",
    "passwd",
    "passwort",
    "passphrase",
    "pwd",
    "secret",
    "token",
    "apikey",
    "accesskey",
    "secretkey",
)
"""Of words that are written together: ``pgpassword``, ``authtoken``."""

_NOT_PASS = words("compass bypass trespass surpass overpass underpass encompass subpass multipass singlepass")

_SECRET_KEYS = words(
    "api access secret private account encryption encrypt decryption signing sign signature master shared storage "
    "auth authentication authorization fernet ssh rsa dsa ecdsa gpg pgp hmac aes des jwt session service "
    "subscription license licence deploy deployment admin root webhook integration ingestion instrumentation app "
    "application cookie crypto cipher consumer client customer tls ssl wallet recovery unseal vault kms merchant "
    "stripe openai sendgrid twilio mailgun mailchimp datadog dd newrelic sentry azure aws gcp google minio wandb "
    "huggingface hf anthropic slack github gitlab flask django rails salt seed token password pass enc ecc host "
    "ed25519 x25519 wireguard preshared psk registration bootstrap join agent bot write read"
)
_PLAIN_KEYS = words(
    "primary foreign public partition partitioning sort cache cached routing row group grouping sharding shard "
    "distribution hash join lookup object metric label map dict index unique natural surrogate composite "
    "candidate record message msg event topic idempotency dedup deduplication lock semaphore config configuration "
    "option property registry translation locale feature flag trace span correlation ordering order sequence "
    "version tag annotation resource asset bucket file path prefix home end arrow hot short modifier ctrl "
    "function duplicate missing unknown invalid unexpected duplicated first last min max start stop begin from to "
    "num total count header query param parameter field column attribute meta metadata state entity aggregate "
    "document doc item data json yaml setting settings rowset zset string list set node edge relationship blob "
    "storage_object dedupe default fallback next previous current same other any each every no by on compaction "
    "compacted null empty window session_window translated bootstrap_partition serde input output raw parent "
    "child sub super reduce intermediate final leading trailing scan range clustering bucketing merge upsert "
    "delete insert update replica environment env ssm kv"
)
"""Of ``*_key``: what is looked things up by."""

_COUNTED = words(
    "max min num n total number count no avg mean prompt completion input output generated remaining consumed "
    "used batch context per"
)
_MARKS = words(
    "eos bos pad unk sep cls mask stop special unexpected invalid illegal unknown missing next expected fencing "
    "cancellation page pagination continuation start continue sync previous syntax lexer grammar"
)
"""Before ``token``: a mark in a text, or a place in a list."""

_ABOUT = words(
    "type types name names file files filename path paths dir directory folder location locations url urls uri "
    "uris endpoint endpoints host port id ids identifier uid kid count counts counter length len size limit "
    "limits max min num number expiry expires expiration expired expire exp ttl lifetime age timeout duration "
    "interval period policy policies validator validation validity valid validate status state states enabled "
    "enable disabled required requires require optional supported mode method methods algorithm algorithms alg "
    "format version versions ref refs reference references class classname provider providers source sources "
    "manager store storage server controller handler filter factory generator rotation rotated rotate reset "
    "change changed changes create created updated deleted missing invalid error errors failed failure failures "
    "attempts attempt retries retry usage used budget index offset position bucket buckets ring range ranges "
    "space stream scheme schema field column columns label labels prompt hint help request requests response "
    "review reviews cache info metadata map config configs configuration settings options encoding charset "
    "separator delimiter rate embeddings vocabulary iterations iteration rounds encoder converter converters "
    "serializer deserializer comparator extractor resolver selector template strength complexity history last "
    "first at by time date ms seconds sec secs minutes hours days mb kb bytes check checks checker checking "
    "checksum issuer issued audience subject scope scopes claim claims owner group groups user users username "
    "realm entry entries item items mount mounts volume key_id admin_enabled login logging log logs level prefix "
    "suffix pattern regex mechanism mechanisms protocol plugin module modules backend backends callback callbacks "
    "listener principal principals rule rules permission permissions role roles needed allowed denied success ok "
    "latency per average avg sum bucketing throughput queue pool threads memory cpu quota access_type ratio "
    "percent fraction cost price schedule distribution ordering order sort capacity usable helper hook operator "
    "service services agent kind kinds object header headers encryption objects annotation annotations namespace "
    "namespaces present found updates loaded loading cleanup tests test_count algo curve bits spec specs fallback "
    "strategy propagation management sidecar injector controller_manager"
)
"""After the secret word: what is told *about* a secret. ``id``, ``user`` and ``issuer`` are public."""

_STILL = words("value values val text string data plaintext plain raw base64 b64 encoded encrypted hash hashed")

_HEADERS = frozenset(("authorization", "proxy-authorization", "www-authenticate-token", "x-authorization"))
_COOKIES = frozenset(("cookie", "set-cookie", "cookies", "set-cookie2"))
_EXACT = {
    "token": Held.SECRET,
    "otp": Held.PASSWORD,
    "signature": Held.RANDOM,
    "sig": Held.RANDOM,
    "auth": Held.RANDOM,
    "pin": Held.PASSWORD,
    "key_material": Held.SECRET,
    "key-material": Held.SECRET,
    "keymaterial": Held.SECRET,
    "sas": Held.RANDOM,
    "sessionid": Held.RANDOM,
    "csrf": Held.RANDOM,
    "pass": Held.PASSWORD,
    "pw": Held.PASSWORD,
    "x-amz-signature": Held.SECRET,
    "x-goog-signature": Held.SECRET,
    "x-amz-credential": Held.SECRET,
    "x-goog-credential": Held.SECRET,
    "awsaccesskeyid": Held.SECRET,
    "googleaccessid": Held.RANDOM,
    "sid": Held.RANDOM,
    "connect.sid": Held.SECRET,
    "sslkey": Held.RANDOM,
    "ssh-key": Held.RANDOM,
    "aws_access_key_id": Held.SECRET,
    "access_key_id": Held.RANDOM,
    "accesskeyid": Held.RANDOM,
    "secret_id": Held.RANDOM,
    "client-key-data": Held.SECRET,
    "tls.key": Held.SECRET,
    "id_rsa": Held.SECRET,
    "id_ed25519": Held.SECRET,
    "keyfile-data": Held.SECRET,
    "private-lines": Held.NOTHING,
    "x-auth-key": Held.SECRET,
    "passed": Held.NOTHING,
    "key": Held.RANDOM,
    "keys": Held.RANDOM,
    "bearer": Held.NOTHING,
    "credential": Held.RANDOM,
}

_FILES = words(
    "go cc cpp c h py java scala rs ts js rb json yaml yml toml xml crt cer pem pub log txt sock sh svc so md"
)
"""Endings of files: ``token_loader.cc`` is where a line was written."""

_known: dict[bytes, Held] = {}
_MOST = 20_000


def held(name: bytes) -> Held:
    """What stands behind a name, however it is written. Remembered, as logs repeat their names."""
    found = _known.get(name)
    if found is None:
        if len(_known) >= _MOST:
            _known.clear()
        found = _known[name] = _held(name.decode("ascii", "replace"))
    return found


def _held(name: str) -> Held:
    plain = name.strip("-._ ").lower()
    if plain in _HEADERS:
        return Held.HEADER
    if plain in _COOKIES:
        return Held.COOKIE
    if plain in _EXACT:
        return _EXACT[plain]
    if plain.rpartition(".")[2] in _FILES and "." in plain:
        return Held.NOTHING
    words = [word.lower() for word in _WORD.findall(name)]
    for number in range(len(words) - 1, -1, -1):
        kind = _word(words[number], words[:number])
        if kind is not Held.NOTHING:
            found = _among(kind, words[:number], words[number], words[number + 1 :], name)
            # a header's value is never a word about it
            return Held.PASSWORD if found is Held.SECRET and plain.startswith("x-") else found
    return Held.NOTHING


def _word(word: str, before: list[str]) -> Held:
    """What one word stands for; ``before`` are those before it in the name."""
    if word in _PASSWORDS:
        return Held.PASSWORD
    if word in _SECRETS:
        return Held.SECRET
    if word in ("key", "keys"):
        return Held.SECRET if before else Held.NOTHING
    if word in _PLURALS:
        return Held.RANDOM
    if len(word) > 4 and word.endswith(_ENDINGS):
        return Held.PASSWORD if "pass" in word or word.endswith("pwd") else Held.SECRET
    if len(word) > 4 and word.endswith("pass") and word not in _NOT_PASS:
        return Held.PASSWORD
    if len(word) in range(4, 9) and word.endswith("pw"):
        return Held.PASSWORD
    return Held.NOTHING


def _among(kind: Held, before: list[str], word: str, after: list[str], name: str) -> Held:
    rest = [one for one in after if not one.isdigit()]
    if rest and (rest[-1] in _ABOUT or rest[0] in _ABOUT) and rest[-1] not in _STILL:
        return Held.NOTHING
    if kind is Held.PASSWORD and word == "pass" and before and rest:
        return Held.RANDOM
    near = before[-1] if before else ""
    if word in ("key", "keys"):
        if near in _PLAIN_KEYS:
            return Held.NOTHING
        if near in _SECRET_KEYS or near.endswith(_ENDINGS):
            return Held.SECRET if word == "key" else Held.RANDOM
        return Held.SECRET if name.isupper() and word == "key" else Held.RANDOM
    if kind is Held.RANDOM or word in ("signature", "sig", "auth", "sas", "cred", "csrf", "xsrf", "pin"):
        return Held.NOTHING if set(before) & _COUNTED else Held.RANDOM
    if word == "token" and (near in _MARKS or near in _COUNTED):
        return Held.NOTHING
    if rest and not (set(rest) & _STILL) and not name.isupper() and len(rest) > 2:
        return Held.RANDOM
    return kind
