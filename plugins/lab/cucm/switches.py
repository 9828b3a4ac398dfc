"""List what the vendor leaves open about CUCM, or where nodes differ: each is a switch with its settings."""

from plugins.lab.switches import Switch

CUCM_SWITCHES = {
    "callmanager_service": Switch(
        "the name by which an upload calls CallManager-trust",
        ("CallManager", "CallManager-trust"),
        "unknown: only tomcat was seen in a client, and by it CallManager is inferred",
    ),
    "snapshot_names": Switch(
        "what the snapshot calls the stores: with or without -trust", ("trust", "plain"), "unknown"
    ),
    "trust_list_shape": Switch(
        "how the certificates of one store are answered",
        ("object", "array"),
        "a client accepts both; which one a release sends is unknown",
    ),
    "upload_status": Switch("HTTP status of an upload that was taken", ("200", "201"), "a client accepts both"),
    "per_upload": Switch(
        "how many stores and certificates one upload may name",
        ("several", "one"),
        "a client sends several certificates to one store; limits are unknown",
    ),
    "duplicate_upload": Switch(
        "an upload of what the store holds already", ("accepted", "refused"), "unknown: clients ignore the answer"
    ),
    "error_shape": Switch(
        "where the reason of an error is: message, or the list messages",
        ("message", "messages"),
        "a client reads either; no schema is published",
    ),
    "privilege": Switch(
        "privilege of the OS account: 1 may read and write, 0 only read",
        ("1", "0"),
        "documented; a setting of the account, not an unknown",
    ),
    "read_only_status": Switch("HTTP status of a write by an account that may only read", ("403", "401"), "unknown"),
    "file_names": Switch(
        "how a file in a store is named: common name and serial, or common name alone",
        ("cn-serial", "cn"),
        "both are documented since 14SU1",
    ),
    "replication": Switch(
        "seconds until what another node got arrives here",
        ("never",),
        "in life seconds to half an hour; that REST uploads replicate at all is inferred",
        number=1,
    ),
    "soap_account": Switch(
        "who may use Control Center: the OS account, a user of another name with its password, or of another one",
        ("same", "other-user", "separate"),
        "documented as an application user, apart from the OS account; one account keeps the site file short",
    ),
    "soap_refusal": Switch(
        "where a refusal to control a service is told: in the service's own item, or for the whole request",
        ("item", "outer"),
        "unknown: item codes were seen in a client",
    ),
    "soap_rate": Switch(
        "Control Center requests that are answered within soap_rate_seconds; 0 is any number",
        (),
        "a client estimates 15 a minute",
        number=15,
    ),
    "soap_rate_seconds": Switch(
        "the seconds that soap_rate counts in: a minute in life, shorter here as restarts are",
        (),
        "estimated by a client",
        number=5,
    ),
    "restart_status": Switch(
        "whether a service's status shows the old process for a while after a restart was asked for",
        ("late", "at-once"),
        "a client saw it late",
    ),
    "start_time": Switch(
        "a service's StartTime: in UTC, in a zone two hours ahead that it does not name, or empty",
        ("utc", "ahead", "empty"),
        "unknown: a text in no documented form",
    ),
    "tftp": Switch("whether Cisco Tftp runs on this node", ("on", "off"), "a setting of the node, not an unknown"),
    "haproxy": Switch("whether this release has Cisco HAProxy", ("on", "absent"), "older releases lack it"),
    "ssh_login": Switch(
        "how a login by SSH is asked for; expired: a new password is wanted first",
        ("keyboard-interactive", "password", "both", "expired"),
        "clients disagree on whether a plain password is taken",
    ),
    "cli_start": Switch(
        "seconds until the command line shows its first prompt, in life 10 to 60",
        (),
        "seen in clients",
        number=0,
    ),
    "pagination": Switch(
        "whether `set cli pagination off` is heeded", ("obeys", "stays"), "documented; a client should stand either"
    ),
    "cert_show": Switch(
        "whether `show cert trust` shows the PEM, or the certificate only decoded",
        ("pem", "decoded"),
        "both were reported",
    ),
    "cert_tags": Switch("how a decoded certificate names its members", ("old", "new"), "documented: new from 14SU2 on"),
    "import_question": Switch(
        "whether an import asks yes or no after the certificate was pasted", ("none", "asked"), "unknown"
    ),
    "cert_delete": Switch(
        "how `set cert delete` names a store: tomcat-trust, or by its unit, tomcat", ("store", "unit"), "unknown"
    ),
    "lockout_after": Switch(
        "refused logins until the OS account is locked, in life for 300 s, here for good; 0 is never",
        (),
        "documented: 3 by default",
        number=3,
    ),
}
