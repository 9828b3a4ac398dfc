"""Read the text of a certificate where the certificate itself is not at hand. Pure: text in, values out.

What the box's "Show (decoded)" page and ``openssl x509 -text`` print is the same text: OpenSSL's, of any version, with
or without its indentation, wrapped by a mail program, or saved as a web page. A text proves nothing, for it holds no
signature that can be verified; what it says is compared as it stands. RFC 5280 says what the fields mean.
"""

import re
from datetime import UTC, datetime
from itertools import pairwise

from engine.certificates import kinds, pem
from engine.certificates.facts import ATTRIBUTES, KEY_USAGES, USAGES, Decoded, Description, Fields
from engine.certificates.kinds import LIMIT
from engine.certificates.naming import normal_name
from engine.certificates.reading import NotACertificate
from engine.text import stamp


def read_decoded(data: bytes, name: str) -> Decoded:
    """Return what the text of one certificate says. Raises NotACertificate, also for the texts of several.

    `name` is only for the message.
    """
    if len(data) > LIMIT:
        raise NotACertificate(name, kinds.TOO_LARGE)
    text = pem.text_of(data)
    kind = kinds.of_text(text, data)
    if kind == kinds.WEB_PAGE:
        import html  # large, and hardly ever needed

        text = html.unescape(re.sub(r"<[^<>]{0,500}>", "\n", text))
    if not kinds.is_decoded(text):
        raise NotACertificate(name, kind)
    if len(re.findall(r"(?m)^[^\S\n]*Not After\s*:", text)) > 1:
        raise NotACertificate(name, kinds.DECODED_SEVERAL)
    return _read([line.strip() for line in text.split("\n") if line.strip()])


def _read(lines: list[str]) -> Decoded:
    subject, issuer = (_fields(_after(lines, word)) for word in ("Subject", "Issuer"))
    listed = _split_names(_joined(_block(lines, "X509v3 Subject Alternative Name")))
    start, end = _time(_after(lines, "Not Before")), _time(_after(lines, "Not After"))
    return Decoded(
        description=Description(
            subject=_dn_text(subject),
            issuer=_dn_text(issuer),
            serial=_serial(lines),
            sha256=_hex(_after(lines, "SHA256 Fingerprint", "sha256 Fingerprint")),
            not_before=stamp(start) if start else "",
            not_after=stamp(end) if end else "",
            sans=[_name(kind, value) for kind, value in listed],
            eku=[_USAGES.get(one, one) for one in _words(_block(lines, "X509v3 Extended Key Usage"))],
            ski=_hex(" ".join(_block(lines, "X509v3 Subject Key Identifier"))),
            aki=_authority(_block(lines, "X509v3 Authority Key Identifier")),
            key=_key(lines),
        ),
        subject=subject,
        issuer=issuer,
        usages=tuple(_KEY_USAGES.get(one, one) for one in _words(_block(lines, "X509v3 Key Usage"))),
        whole=not any("<unsupported>" in value for _, value in listed),
        not_after=end,
    )


# ---- lines ---------------------------------------------------------------------------------------------------------

_HEADING = re.compile(r"[A-Za-z0-9][\w./ -]*:(?: critical)?|Signature (?:Algorithm|Value)\b.*|-----.*")


def _after(lines: list[str], *words: str) -> str:
    """Return what follows the first of these words on a line of its own, with the line after it when that is empty."""
    pattern = re.compile(rf"(?:{'|'.join(map(re.escape, words))})\s*[:=]\s*(.*)")
    for number, line in enumerate(lines):
        if found := pattern.fullmatch(line):
            return found[1] or (lines[number + 1] if number + 1 < len(lines) else "")
    return ""


def _block(lines: list[str], heading: str) -> list[str]:
    """Return the lines below the heading of an extension, up to the next heading."""
    start = next((number for number, line in enumerate(lines) if re.match(rf"{heading}\s*:", line)), len(lines))
    body = []
    for line in lines[start + 1 :]:
        if _HEADING.fullmatch(line):
            break
        body.append(line)
    return body


def _words(body: list[str]) -> list[str]:
    return [one for one in (word.strip() for word in " ".join(body).split(",")) if one]


# ---- single values -------------------------------------------------------------------------------------------------

_USAGES = {
    "TLS Web Server Authentication": "serverAuth",
    "TLS Web Client Authentication": "clientAuth",
    "Code Signing": "codeSigning",
    "E-mail Protection": "emailProtection",
    "Time Stamping": "timeStamping",
    "OCSP Signing": "OCSPSigning",
    "Any Extended Key Usage": "anyExtendedKeyUsage",
    "Microsoft Smartcard Login": "1.3.6.1.4.1.311.20.2.2",
    "Microsoft Server Gated Crypto": "1.3.6.1.4.1.311.10.3.3",
    "Netscape Server Gated Crypto": "2.16.840.1.113730.4.1",
    "IPSec End System": "1.3.6.1.5.5.7.3.5",
    "ipsec Internet Key Exchange": "1.3.6.1.5.5.7.3.17",
} | {one: one for one in USAGES.values()}
"""Extended key usages by OpenSSL's long names (crypto/objects/objects.txt)."""

_KEY_USAGES = {
    "Digital Signature": "digitalSignature",
    "Non Repudiation": "contentCommitment",
    "Key Encipherment": "keyEncipherment",
    "Data Encipherment": "dataEncipherment",
    "Key Agreement": "keyAgreement",
    "Certificate Sign": "keyCertSign",
    "CRL Sign": "cRLSign",
    "Encipher Only": "encipherOnly",
    "Decipher Only": "decipherOnly",
} | {one: one for one in KEY_USAGES.values()}
"""Key usages by OpenSSL's long names (crypto/x509/v3_bitst.c)."""

_CURVES = {"prime256v1": "P-256", "secp384r1": "P-384", "secp521r1": "P-521"}


def _time(text: str) -> datetime | None:
    """Read ``Nov  4 12:00:00 2025 GMT``; OpenSSL prints nothing else, whatever the locale."""
    try:
        return datetime.strptime(" ".join(text.split()).removesuffix(" GMT"), "%b %d %H:%M:%S %Y").replace(tzinfo=UTC)
    except ValueError:
        return None


def _serial(lines: list[str]) -> str:
    """Read ``4096 (0x1000)``, or hex with colons on the same or the next line."""
    text = _after(lines, "Serial Number")
    found = re.search(r"\(-?0x([0-9a-f]+)\)", text)
    return (found[1] if found else _hex(text)).lstrip("0") or ""


def _hex(text: str) -> str:
    found = re.search(r"(?:[0-9A-Fa-f]{2}[:\s]?)+", text)
    return re.sub(r"[^0-9a-f]", "", found[0].lower()) if found else ""


def _authority(body: list[str]) -> str:
    """Read the key identifier, with ``keyid:`` before it or alone; without one the issuer and serial number."""
    own = [line.removeprefix("keyid:") for line in body if not line.startswith(("DirName:", "serial:"))]
    if own:
        return _hex("".join(own))
    issuer = _dn_text(_fields(_after(body, "DirName")))
    return f"issuer={issuer},serial={_hex(_after(body, 'serial')).lstrip('0')}" if body else ""


def _key(lines: list[str]) -> str:
    algorithm = _after(lines, "Public Key Algorithm")
    size = re.search(r"\(([0-9]{1,6}) bit", _after(lines, "Public-Key", "RSA Public-Key", "RSA Public Key"))
    if "rsa" in algorithm.lower():
        return f"RSA {size[1]}" if size else "RSA"
    if "ecPublicKey" in algorithm:
        curve = _after(lines, "ASN1 OID")
        return f"EC {_after(lines, 'NIST CURVE') or _CURVES.get(curve, curve)}".strip()
    return {"ED25519": "Ed25519", "ED448": "Ed448"}.get(algorithm, algorithm)


# ---- names ---------------------------------------------------------------------------------------------------------

_KINDS = {
    "DNS": "DNS",
    "IP Address": "IP",
    "IP": "IP",
    "URI": "URI",
    "email": "email",
    "Registered ID": "RID",
    "DirName": "dirName",
    "othername": "other",
    "X400Name": "other",
    "EdiPartyName": "other",
}
_NAME = re.compile(rf"\s*({'|'.join(_KINDS)}):")
_OTHERS = {
    "XmppAddr": "1.3.6.1.5.5.7.8.5",
    "SRVName": "1.3.6.1.5.5.7.8.7",
    "SmtpUTF8Mailbox": "1.3.6.1.5.5.7.8.9",
    "UPN": "1.3.6.1.4.1.311.20.2.3",
}


def _joined(body: list[str]) -> str:
    """Join lines that were broken between two names, or inside one."""
    text = ""
    for line in body:
        between = text and (text.endswith(",") or _NAME.match(line))
        text = f"{text.rstrip(',')}, {line}" if between else text + line
    return text


def _split_names(text: str) -> list[tuple[str, str]]:
    """Split at commas before a known kind: values may hold commas of their own."""
    starts = [0, *(found.end() for found in re.finditer(r",(?=\s*[A-Za-z0-9 ]{2,13}:)", text)), len(text) + 1]
    parts: list[tuple[str, str]] = []
    for start, end in pairwise(starts):
        part = text[start : end - 1]
        if found := _NAME.match(part):
            parts.append((_KINDS[found[1]], part[found.end() :].strip()))
        elif parts:
            parts[-1] = (parts[-1][0], f"{parts[-1][1]},{part}")
    return parts


def _name(kind: str, value: str) -> str:
    """Write a name as `naming.names` does."""
    if kind == "dirName":
        return f"dirName:{_dn_text(_fields(value))}"
    if kind == "other":
        type_, _, text = value.partition("::") if "::" in value else value.partition(":")
        return f"other:{_OTHERS.get(type_, type_)}:{text}"
    return normal_name(f"IP:{value}") if kind == "IP" else f"{kind}:{value}"


_TYPE = r"(?:[A-Za-z][A-Za-z0-9]*|[0-9]+(?:\.[0-9]+)+) ?="
_KNOWN = rf"(?:{'|'.join(sorted(ATTRIBUTES.values()))}) ?="
_FIELD = re.compile(
    rf"\s*({_TYPE})\s*(\"(?:[^\"\\]|\\.)*\"|.*?)(?=,\s*{_TYPE}|\s\+\s*{_TYPE}|/{_KNOWN}|,?\s*$)(?:,|\s\+|/)?"
)


def _fields(text: str) -> Fields:
    """Read ``C = DE, O = "Example, Inc."``, ``C=DE, O=Example, Inc.`` and ``/C=DE/O=Example`` in their order."""
    found = _FIELD.findall(text.removeprefix("/")[:8192])
    return tuple((type_.rstrip("= "), _unescaped(value)) for type_, value in found)


def _unescaped(value: str) -> str:
    r"""Undo the quotes, and escapes such as ``\C3\A4``, ``\xC3`` and ``\,``."""
    plain = value[1:-1] if len(value) > 1 and value[0] == value[-1] == '"' else value
    octets = re.sub(
        rb"\\(?:x?([0-9A-Fa-f]{2})|(.))",
        lambda found: bytes.fromhex(found[1].decode()) if found[1] else found[2],
        plain.encode("utf-8", "replace"),
    )
    return octets.decode("utf-8", "replace")


def _dn_text(fields: Fields) -> str:
    """Write a name as RFC 4514 asks: last attribute first, special characters escaped."""
    return ",".join(f"{short}={_SPECIAL.sub(_escaped, value)}" for short, value in reversed(fields))


_SPECIAL = re.compile(r'[\\"+,;<>]')


def _escaped(found: re.Match[str]) -> str:
    return "\\" + found[0]
