"""What the SDK of AWS knows of who we are, and what its services are shown in place of a password.

The SDK's own chain: environment, profile, web identity, container, instance metadata. What it asks on the way has
the component's limits, and goes through the proxy that the environment names.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from functools import cache
from typing import Any

from gonogo.checks import bearer
from gonogo.checks.translate import chain, translated
from gonogo.core import proxies
from gonogo.core.endpoints import Endpoints, Secret
from gonogo.core.errors import ClientError, CredentialUnavailable, Denied, Unavailable
from gonogo.core.loading import need, once
from gonogo.core.outlet import learn

SECONDS = 900
"""How long a signed address holds, as the services ask for it."""

SECONDS_OF_PROXY = 5.0
"""How long a proxy may take to accept a connection."""

REFUSALS: Mapping[str, tuple[type[ClientError], str]] = {
    "ExpiredToken": (Denied, "token_expired"),
    "ExpiredTokenException": (Denied, "token_expired"),
    "InvalidIdentityToken": (Denied, "token_refused"),
    "InvalidIdentityTokenException": (Denied, "token_refused"),
    "IDPRejectedClaim": (Denied, "token_refused"),
    "InvalidClientTokenId": (Denied, "token_refused"),
    "InvalidParameterValue": (Denied, "token_refused"),
    "IDPCommunicationError": (Unavailable, "issuer_unreachable"),
    "AccessDenied": (Denied, "role_refused"),
    "AccessDeniedException": (Denied, "role_refused"),
    "NoSuchEntity": (Denied, "role_refused"),
    "NoSuchRole": (Denied, "role_refused"),
}
"""What an STS answers to AssumeRoleWithWebIdentity: from its API reference, MinIO's and SeaweedFS's ``sts`` sources.

Those two say InvalidParameterValue of a token that they cannot verify, and AccessDenied of a role that is not there.
"""

_asking = threading.Lock()


@once
def load() -> None:
    """botocore, without the description of any service."""
    need("botocore", "botocore.session", "botocore.credentials", "botocore.auth", "botocore.awsrequest")
    need("botocore.config", "botocore.exceptions", "botocore.parsers")


@cache
def session(profile: str, connect: float, read: float) -> Any:
    """A session of the SDK for each profile; it is asked by one thread at a time."""
    load()
    from botocore.config import Config
    from botocore.session import Session

    made = Session(profile=profile or None)
    limits = Config(connect_timeout=connect, read_timeout=read, retries={"total_max_attempts": 2})
    made.set_default_client_config(limits)
    made.set_config_variable("metadata_service_timeout", 1)
    made.set_config_variable("metadata_service_num_attempts", 1)
    return made


def session_of(endpoints: Endpoints) -> Any:
    """The session of a component's ``profile``."""
    return session(str(endpoints.get("profile", "")), endpoints.timeouts.connect, endpoints.timeouts.connect)


def credentials(endpoints: Endpoints) -> Any:
    """Who we are by the SDK's chain, fresh: ``access_key``, ``secret_key`` and perhaps ``token``.

    Raises ``CredentialUnavailable``, or what an STS on the way refused.
    """
    with _asking:
        return _chained(endpoints)


def _chained(endpoints: Endpoints) -> Any:
    from botocore.exceptions import BotoCoreError
    from botocore.exceptions import ClientError as Refusal

    component = endpoints.component
    try:
        known = session_of(endpoints).get_credentials()
        frozen = known.get_frozen_credentials() if known is not None else None
    except Refusal as error:
        raise refused(component, error) from error
    except BotoCoreError as error:
        raise CredentialUnavailable(component, f"the SDK of AWS knows no credentials: {error}") from error
    if frozen is None or not frozen.access_key:
        said = "the SDK of AWS finds none: no environment, profile, web identity, container or instance gives any"
        raise CredentialUnavailable(component, said)
    return _learnt(frozen)


def _learnt(frozen: Any) -> Any:
    learn(*filter(None, (frozen.access_key, frozen.secret_key, frozen.token)))
    return frozen


def refused(component: str, error: Any) -> ClientError:
    """What an STS means by its answer; ``error`` is botocore's ``ClientError``."""
    answer = error.response
    status, code = answer["ResponseMetadata"]["HTTPStatusCode"], answer["Error"].get("Code", "")
    said = f"{error.operation_name}: HTTP {status} {code} {answer['Error'].get('Message', '')}".strip()
    meaning, kind = REFUSALS.get(code, (CredentialUnavailable, "issuer_refused"))
    return meaning(component, said, kind=kind).given(code=code or f"HTTP {status}")


def database_token(endpoints: Endpoints) -> str:
    """What RDS takes for a password: an address that our key signed. Raises as :func:`credentials`."""
    where = f"{endpoints['host']}:{endpoints['port']}"
    asked = {"Action": "connect", "DBUser": str(endpoints["username"])}
    return signed(endpoints, "rds-db", f"https://{where}/", asked).removeprefix("https://")


def region(endpoints: Endpoints) -> str:
    """Where the services are that we log in to, as target file or SDK say. Raises ``CredentialUnavailable``."""
    told = endpoints.get("region") or session_of(endpoints).get_config_variable("region")
    if not told:
        said = "no region is told: neither by `region` of the target file nor by AWS_REGION or a profile"
        raise CredentialUnavailable(endpoints.component, said)
    return str(told)


def signed(endpoints: Endpoints, service: str, url: str, asked: Mapping[str, str]) -> str:
    """The address with a signature (version 4) of ours in its query. Raises as :func:`credentials`."""
    us, where = credentials(endpoints), region(endpoints)
    from botocore.auth import SigV4QueryAuth
    from botocore.awsrequest import AWSRequest

    request = AWSRequest(method="GET", url=url, params=dict(asked))
    SigV4QueryAuth(us, service, where, expires=SECONDS).add_auth(request)
    whole = str(request.url)
    learn(whole.removeprefix("https://"))
    return whole


@cache
def assumed(sts: str, role: str, token: Secret, region: str, ca: str, connect: float, read: float) -> Any:
    """Credentials of a role that a web identity takes on, made anew before they end; asked when they are needed."""
    from botocore import UNSIGNED
    from botocore.config import Config
    from botocore.credentials import AssumeRoleWithWebIdentityCredentialFetcher, DeferredRefreshableCredentials

    proxy = proxies.proxy_for(sts)
    config = Config(
        signature_version=UNSIGNED,
        connect_timeout=connect,
        read_timeout=read,
        retries={"total_max_attempts": 1},
        proxies={"http": proxy, "https": proxy} if proxy else {},
    )

    def client(service: str, **_: Any) -> Any:
        with _asking:
            made = session("", connect, read)
            return made.create_client(service, region_name=region, endpoint_url=sts, verify=ca or None, config=config)

    fetcher = AssumeRoleWithWebIdentityCredentialFetcher(
        client_creator=client,
        web_identity_token_loader=token.reveal,
        role_arn=role,
        extra_args={"RoleSessionName": "gonogo"},
        cache={},
    )
    return DeferredRefreshableCredentials(fetcher.fetch_credentials, "assume-role-with-web-identity")


def web_identity(endpoints: Endpoints, sts: str) -> Any:
    """The role ``role_arn`` by our ``token``, fresh. Raises what the STS at ``sts`` refuses, and what the token's
    source does."""
    load()
    from botocore.exceptions import ClientError as Refusal

    times, region = endpoints.timeouts, endpoints.get("region", "us-east-1")
    role, ca = str(endpoints["role_arn"]), endpoints.get("ca") or ""
    token = endpoints.secrets["token"]
    holder = assumed(sts, role, token, region, ca, times.connect, times.check)
    proxy = proxies.proxy_for(sts)
    try:
        return _learnt(holder.get_frozen_credentials())
    except ClientError:
        raise
    except Refusal as error:
        answer = error.response
        status, headers = answer["ResponseMetadata"]["HTTPStatusCode"], answer["ResponseMetadata"]["HTTPHeaders"]
        own = not answer["Error"].get("Code", "").isdigit()  # botocore puts the status for a code that is not there
        if proxy and not sts.startswith("https") and proxies.answered_itself(status, headers, own=own):
            raise proxies.refused(endpoints.component, proxy, f"HTTP {status}") from error
        meant = refused(endpoints.component, error)
        if meant.kind == "token_refused":
            meant = bearer.refused(meant, token.reveal())
        raise meant from error
    except Exception as error:
        if (known := next((one for one in chain(error) if isinstance(one, ClientError)), None)) is not None:
            raise known from error
        if proxy and (fault := _of_proxy(endpoints.component, proxy, error, forwards=not sts.startswith("https"))):
            raise fault from error
        why = translated(endpoints.component, error) or error
        told = f"the STS at {proxies.shown(sts)} cannot be asked: {why}"
        raise CredentialUnavailable(endpoints.component, told) from error


def _of_proxy(component: str, proxy: str, error: Exception, *, forwards: bool) -> ClientError | None:
    """That a failure on the way to an STS is the proxy's; None: it is not. Of one that forwards, what is no answer."""
    from botocore.exceptions import ProxyConnectionError
    from botocore.parsers import ResponseParserError

    if (gone := proxies.unreachable(component, proxy, SECONDS_OF_PROXY)) is not None:
        return gone
    its_own = isinstance(error, ProxyConnectionError) or (forwards and isinstance(error, ResponseParserError))
    return proxies.refused(component, proxy, str(error)) if its_own else None
