"""Write the letter to the PKI team. Pure; every text that comes from elsewhere is escaped."""

import re
from collections.abc import Iterator, Sequence
from textwrap import wrap

from engine.contracts import SigningRequest
from engine.text import escape
from plugins.manual import Options

USAGES = {
    "serverAuth": ("TLS server authentication", "other systems open TLS connections to this box"),
    "clientAuth": ("TLS client authentication", "this box opens mutual TLS connections to others, which check it"),
}
"""Usages in words, with the reason why an Expressway needs them (Cisco 218034, section C; 225482)."""

OIDS = {"1.3.6.1.5.5.7.3.1": "serverAuth", "1.3.6.1.5.5.7.3.2": "clientAuth"}
"""RFC 5280 section 4.2.1.12."""

WIDTH = 76


def letter(request: SigningRequest, options: Options, csr: str) -> str:
    """Return a mail that can be sent as it is: what is asked, what must stay, what to send back and to whom."""
    name = file_name(request.certificate)
    paragraphs = [
        _head(request, options),
        "Hello,",
        f"please sign the attached certificate signing request (PKCS#10), {name}.csr. It is also at the end of this "
        "mail. It renews the certificate of a Cisco Expressway.",
        _details(request, options),
        _listed("Names (subject alternative names):", request.names),
        _listed("Extended key usages, all in one certificate:", [_usage(one) for one in request.eku]),
        "Please keep names and extended key usages exactly as they are in the request. A certificate that lacks "
        "one of them can't be used: the Expressway refuses it, or calls and registrations fail. Templates that "
        "are made for web servers often drop the client authentication. No name may be a wildcard, and the key "
        "may not be replaced.",
        _listed("Please send back:", _wanted()),
        "There is no private key to send: it was made inside the Expressway, never leaves it and exists nowhere "
        "else. So please make no PKCS#12 (.pfx, .p12) file, and no new key.",
        f"Please answer this mail, or bring the files to whoever sent it. They go in with:\n"
        f"    certrenew supply {escape(request.renewal, 120)} FILE...",
        csr,
    ]
    return "\n\n".join(_wrapped(paragraph) for paragraph in paragraphs).rstrip("\n") + "\n"


def file_name(certificate: str) -> str:
    """Make a plain file name of a certificate's name: letters, digits, dot, hyphen and underscore, no leading dot."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", certificate).lstrip(".-")[:100] or "certificate"


def _head(request: SigningRequest, options: Options) -> str:
    whom = [f"To: {escape(options.contact, 200)}"] if options.contact else []
    what = f"{escape(request.certificate, 100)} on {escape(request.node, 100)}"
    return "\n".join([*whom, f"Subject: Certificate to sign: {what} (renewal {escape(request.renewal, 120)})"])


def _details(request: SigningRequest, options: Options) -> str:
    rows = {
        "Template": escape(options.template, 200),
        "Subject": escape(request.subject) or "(empty)",
        "Key": f"{escape(request.key, 40)}, in the request",
    }
    return "\n".join(f"    {name + ':':<10}{value}" for name, value in rows.items() if value)


def _usage(usage: str) -> str:
    words = USAGES.get(OIDS.get(usage, usage))
    return f"{words[0]}: {words[1]}" if words else escape(usage, 80)


def _wanted() -> Iterator[str]:
    yield "the certificate itself,"
    yield "every intermediate CA certificate above it,"
    yield "the root CA certificate."
    yield "Any of PEM, DER and PKCS#7 (.p7b) is fine, in one file or several."


def _listed(title: str, lines: Sequence[str] | Iterator[str]) -> str:
    rows = [f"    {escape(line)}" for line in lines]
    return "\n".join([title, *(rows or ["    as they are in the request"])])


def _wrapped(paragraph: str) -> str:
    """Break prose into lines; what has lines of its own stays as it is, so that no name is cut in two."""
    if "\n" in paragraph or paragraph.startswith(("To:", "Subject:")):
        return paragraph
    return "\n".join(wrap(paragraph, WIDTH, break_long_words=False, break_on_hyphens=False))
