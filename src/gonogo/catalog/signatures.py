"""What can go wrong with any component: the generic part of the signature catalogue.

The keys are the ``kind`` of the errors in :mod:`gonogo.core.errors`, and what a check or a start can come to
without one. A component's own signatures stand in its ``component.toml``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from gonogo.core.outcomes import Struct

NAME = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
"""snake_case: the part of a signature behind the component and its dot."""

ADDRESS_KEY = re.compile(r"\{([a-z_]+)\}")
"""An endpoint key, or a fact of the case, in a command: ``--bootstrap-server {bootstrap}``."""

OPTIONAL = re.compile(r"\[\[(.*?)\]\]")
"""A part of a command that is left out where a key in it is not known: ``curl[[ -u {username}]] {url}``."""

PLACES = ("at_host", "at_port", "at_url", "target")
"""Keys that any command may hold: where the component is, and the target where it is not the default one."""


class Signature(Struct, frozen=True, kw_only=True):
    """One likely cause with what to do about it, and the next command to type.

    ``attached`` is the command on a platform that gonogo did not deploy, where that is another one. ``facts`` are what
    whoever names this cause tells of the case; hint and commands may name them, and endpoint keys, in ``{}``. A command
    is shown only where all that it names is known, and can then be typed as it is.
    """

    hint: str
    by_hand: str = ""
    attached: str = ""
    facts: tuple[str, ...] = ()


_STATUS = "gonogo status[[ --target {target}]]"
_HEALTH = "gonogo health[[ --target {target}]]"
_ENDPOINTS = "gonogo endpoints[[ --target {target}]]"
_DATA = "gonogo status --json[[ --target {target}]]"
_LISTENS = "nc -vz -w 5 {at_host} {at_port}"
_ANSWER = "curl -sS -i --max-time 10 {at_url}"

_HANDSHAKE = "openssl s_client -connect {at_host}:{at_port}[[ -servername {server_name}]][[ -starttls {starttls}]]"
_SHOWN = f"{_HANDSHAKE} </dev/null 2>/dev/null"
_CERTIFICATE = ("server_name", "starttls", "ca", "cert", "key", "names", "issuer", "begins", "ends")

GENERIC: Mapping[str, Signature] = {
    "connection_refused": Signature(
        hint="Nothing listens at that address: the process has ended, or the Service points elsewhere.",
        by_hand=_STATUS,
        attached=_LISTENS,
    ),
    "connection_cut": Signature(
        hint="The connection was accepted, and cut before we could log in: a limit, or a port of another protocol.",
        by_hand=_LISTENS,
    ),
    "process_gone": Signature(
        hint="The server's process ended; its log's last lines say why, the kernel's log whether memory ran out.",
        by_hand=_STATUS,
        attached=_HEALTH,
    ),
    "unavailable": Signature(
        hint="The server answers and says that it cannot serve; it starts, recovers, or lost what it depends on.",
        by_hand=_STATUS,
        attached=_ANSWER,
    ),
    "server_error": Signature(
        hint="The server answered with an error of its own[[, {code}]]: see its log, and the product's documents.",
        facts=("code",),
        by_hand=_STATUS,
        attached=_ANSWER,
    ),
    "operation_hangs": Signature(
        hint="The component answers, and this operation did not end: a lock, a full queue, or what is behind it hangs.",
        by_hand=_STATUS,
        attached=_LISTENS,
    ),
    "timed_out": Signature(
        hint="The server accepts and does not answer: it hangs or is overloaded, or a firewall drops packets.",
        by_hand=_STATUS,
        attached=_LISTENS,
    ),
    "name_unresolved": Signature(
        hint="The host name does not resolve from here: a typing error, or a name known only inside the cluster.",
        by_hand="getent hosts {at_host}",
    ),
    "tls_untrusted": Signature(
        hint="The TLS handshake failed: give the platform's authority as `ca`, or the port does not speak TLS.",
        by_hand="openssl s_client -brief -connect {at_host}:{at_port} -servername {at_host} </dev/null",
    ),
    "certificate_expired": Signature(
        hint="The server's certificate has expired[[, on {ends}]]: renew it, and have the server read it.",
        facts=_CERTIFICATE,
        by_hand=f"{_SHOWN} | openssl x509 -noout -subject -issuer -dates",
    ),
    "certificate_not_yet_valid": Signature(
        hint="The server's certificate is not valid yet[[, only from {begins} on]]: a clock is wrong, here or there.",
        facts=_CERTIFICATE,
        by_hand=f"{_SHOWN} | openssl x509 -noout -subject -issuer -dates; date -u",
    ),
    "authority_unknown": Signature(
        hint="No authority that we trust issued the certificate[[, but {issuer}]]: give the platform's as `ca`.",
        facts=_CERTIFICATE,
        by_hand=f"{_HANDSHAKE}[[ -CAfile {{ca}}]] -showcerts </dev/null",
    ),
    "certificate_wrong_name": Signature(
        hint="The server's certificate does not name the host that is asked[[, but {names}]]: ask by one of its names.",
        facts=_CERTIFICATE,
        by_hand=f"{_SHOWN} | openssl x509 -noout -subject -ext subjectAltName",
    ),
    "client_certificate_refused": Signature(
        hint="The server wants a certificate of ours that its authority issued: give `cert` and `key`.",
        facts=_CERTIFICATE,
        by_hand=f"{_HANDSHAKE}[[ -CAfile {{ca}}]][[ -cert {{cert}}]] -brief </dev/null",
    ),
    "tls_not_spoken": Signature(
        hint="The port does not speak TLS, and is asked with it: ask without, or give the port that has it.",
        facts=_CERTIFICATE,
        by_hand=f"{_HANDSHAKE} -brief </dev/null",
    ),
    "tls_expected": Signature(
        hint="The port speaks TLS, and is asked without: give an address or a setting that says so, and `ca`.",
        facts=_CERTIFICATE,
        by_hand=f"{_HANDSHAKE} -brief </dev/null",
    ),
    "certificate_expires": Signature(
        hint="A certificate expires soon, and nobody can connect with it after that; renew it and have it read.",
        facts=_CERTIFICATE,
        by_hand=f"{_SHOWN} | openssl x509 -noout -subject -issuer -dates",
    ),
    "credentials_refused": Signature(
        hint="The server does not accept our credentials: the reference in the target file holds an old secret.",
        by_hand=_ENDPOINTS,
    ),
    "right_missing": Signature(
        hint="The account is known and lacks a right; grant it what the check's claim says.",
        by_hand=_ENDPOINTS,
    ),
    "object_absent": Signature(
        hint="The cluster has no such object: it was never deployed, was deleted, or lives in another namespace.",
        by_hand=_HEALTH,
    ),
    "cluster_unreachable": Signature(
        hint="The cluster's API server could not be asked; see whether kubectl reaches it with the same context.",
        by_hand="kubectl cluster-info",
    ),
    "credential_unavailable": Signature(
        hint="The program, issuer or chain that the target file names for this credential gives none: ask it by hand.",
        by_hand=_ENDPOINTS,
    ),
    "issuer_refused": Signature(
        hint="The issuer of tokens refuses our client[[, {code}]]: look at client_id, client_secret and scope.",
        facts=("code",),
        by_hand=_ENDPOINTS,
    ),
    "issuer_unreachable": Signature(
        hint="The server knows our issuer and does not reach its keys: the way from the server to the issuer is shut.",
        by_hand=_ENDPOINTS,
    ),
    "role_refused": Signature(
        hint="The role is not there, or its trust policy does not let our identity take it on: compare its conditions.",
        by_hand="aws sts get-caller-identity",
    ),
    "token_expired": Signature(
        hint="The token had expired when it was shown: its source gives old ones, or this machine's clock is wrong.",
        by_hand="date -u",
    ),
    "token_refused": Signature(
        hint="The server does not accept the token, which has not expired: it expects another issuer, audience or key.",
        by_hand=_ENDPOINTS,
    ),
    "proxy_refused": Signature(
        hint="The proxy of HTTPS_PROXY or HTTP_PROXY does not lead there: see its log-in, its rules, and NO_PROXY.",
        by_hand="env | grep -i _proxy | sed 's|//[^@]*@|//|'",
    ),
    "proxy_unreachable": Signature(
        hint="The proxy of HTTPS_PROXY or HTTP_PROXY cannot be reached: correct it, or name this host in NO_PROXY.",
        by_hand="env | grep -i _proxy | sed 's|//[^@]*@|//|'",
    ),
    "secret_missing": Signature(
        hint="The target file refers to a Secret, or a key of one, that the cluster does not hold.",
        by_hand="gonogo endpoints --discover[[ --target {target}]]",
    ),
    "not_askable": Signature(
        hint="What the claim is about is not there; declare it as unsupported in the target file, with the reason.",
    ),
    "not_configured": Signature(
        hint="The target file does not say what to ask; say it there, or declare the criterion unsupported, and why.",
    ),
    "nothing_claimed": Signature(
        hint="The check's body must claim with expect and return nothing; an async def needs a plugin that awaits it.",
    ),
    "answer_garbled": Signature(
        hint="What answers there is not this component: a proxy, a login page, or another port of the same server.",
        by_hand=_ANSWER,
    ),
    "not_up": Signature(
        hint="The component is not up, and this run only attaches to what is.",
        by_hand="gonogo up[[ --target {target}]]",
        attached="gonogo endpoints --discover[[ --target {target}]]",
    ),
    "not_started": Signature(
        hint="The server did not come up; the last lines of its log say why.",
        by_hand="gonogo up[[ --target {target}]]",
    ),
    "workload_not_ready": Signature(
        hint="The pods behind the component's Service are not ready; its message names the object and the reason.",
        by_hand=_HEALTH,
    ),
    "configured_otherwise": Signature(
        hint="It runs, and with another configuration than would be started now; `gonogo up` tells what differs.",
        by_hand=_STATUS,
    ),
    "not_settled": Signature(
        hint="The server answers, and what it should settle into is not there within the limit: nodes are missing.",
        by_hand=_STATUS,
        attached=_LISTENS,
    ),
    "not_allowed": Signature(
        hint="It was about to make what this run may not: mark a check that writes as one, or have the target file "
        "say so, in [components.<c>] write or in [limits] objects.",
    ),
    "wrong_account": Signature(
        hint="The server runs as another account than it should, and has other rights than were reviewed.",
        by_hand="ps -eo user,pid,args",
    ),
    "not_listening": Signature(
        hint="The server's process runs and does not listen on its address: its settings name another one.",
        by_hand="ss -ltnp",
    ),
    "exposed": Signature(
        hint="The server also listens where other machines can reach it; bind it to the address it is meant for.",
        by_hand="ss -ltnp",
    ),
    "data_of_another": Signature(
        hint="The data folder belongs to another account than the server's; give it back with chown.",
        by_hand=_DATA,
    ),
    "data_readable": Signature(
        hint="Other accounts of the host can read the server's data; take the others' rights away with chmod 700.",
        by_hand=_DATA,
    ),
    "data_shared": Signature(
        hint="Two servers were given one data folder, and each damages what the other writes; give each its own.",
        by_hand=_DATA,
    ),
    "disk_filling": Signature(
        hint="The file system below the data fills up; make room before the server stops writing.",
        by_hand="df -h",
    ),
    "claim_false": Signature(
        hint="The claim was asked and is not true; compare what was expected with what was seen.",
    ),
    "change_declined": Signature(
        hint="The API server takes what was written for a mistake, or another one was faster; its text says which.",
    ),
    "own_error": Signature(
        hint="The check itself went wrong before it could tell anything about the platform; see its traceback.",
    ),
}
"""Kind to hint, for every component."""
