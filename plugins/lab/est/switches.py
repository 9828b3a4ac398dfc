"""List what RFC 7030 leaves to the server: each is a switch with its settings, the default first."""

from plugins.lab.switches import Switch

EST_SWITCHES = {
    "est_login": Switch(
        "how the server wants to know who asks: HTTP Basic, Digest, or a TLS client certificate alone",
        ("basic", "digest", "certificate"),
        "RFC 7030 sections 3.2.3 and 3.3: each is allowed; a valid client certificate suffices in all settings",
    ),
    "est_protects": Switch(
        "what needs the login: enrolment alone, or cacerts and csrattrs too",
        ("enrolment", "all"),
        "RFC 7030 sections 4.1.2 and 4.5.1: those two should need none",
    ),
    "est_encoding": Switch(
        "how certificates are answered: Base64 in lines, in one line, or binary",
        ("lines", "one-line", "binary"),
        "RFC 8951 section 3: Base64 with or without blanks; binary breaks the rule and is seen",
    ),
    "est_csrattrs": Switch(
        "which attributes are wanted in a CSR: none said (204), none said (404), or those the CSR lacks",
        ("204", "404", "more"),
        "RFC 7030 section 4.5.2; challengePassword and a P-384 key are its own example",
    ),
    "est_retry_after": Switch(
        "how a 202 says when to ask again: in seconds, as a date, or (against the rule) not at all",
        ("seconds", "date", "absent"),
        "RFC 7030 section 4.2.3, RFC 9110 section 10.2.3",
    ),
    "est_repeated": Switch(
        "what a request gets that was answered with a certificate before: another certificate, or the same",
        ("another", "same"),
        "unknown: RFC 7030 speaks of repetition only while a request is pending",
    ),
    "lockout_after": Switch(
        "refused logins until the account is locked for the lab's lifetime; 0 is never",
        (),
        "inferred: directories lock accounts",
        number=5,
    ),
}
