"""List what the vendor does not document, or documents twice over: each unknown is a switch with its settings.

A test runs with every setting of every switch (tests/plugins/lab/), so that nothing rests on a guess.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from engine.errors import UsageError
from engine.text import escape


@dataclass(frozen=True)
class Switch:
    """Be one unknown: `settings` in words, the default first; with `number` it takes whole numbers, that by default."""

    what: str
    settings: tuple[str, ...]
    why: str
    number: int | None = None

    @property
    def default(self) -> str:
        """Return the setting that holds when nobody chose."""
        return self.settings[0] if self.number is None else str(self.number)


SWITCHES = {
    "upload_encoding": Switch(
        "how the two uploads must be encoded: a multipart field named file, the bare PEM text, or either",
        ("both", "multipart", "raw"),
        "unknown: the only public client sends a body that its own header contradicts",
    ),
    "csr_conflict_status": Switch(
        "HTTP status when a CSR is asked for while one is pending",
        ("409", "200"),
        "unknown: only the word Conflict was seen",
    ),
    "refusal_status": Switch(
        "HTTP status of a refused upload", ("400", "200"), "unknown: the only public client ignores the status"
    ),
    "refusal_text": Switch(
        "what a refused upload says: Bad Request alone, or the reason",
        ("bad-request", "reason"),
        "Bad Request was seen in a client; the reasons are those of the web page (221624)",
    ),
    "trust_effective": Switch(
        "when a change of the trusted CA list takes effect",
        ("at-once", "after-restart"),
        "the deployment guides say after a restart, a TAC note of 2021 says at once",
    ),
    "send_chain": Switch(
        "what the box presents in a TLS handshake",
        ("leaf", "intermediates"),
        "unknown: the server certificate slot holds the leaf alone, the rest could come from the trusted CA list",
    ),
    "uptime_on_restart": Switch(
        "whether SystemUnit/Uptime begins again at a restart of the application",
        ("resets", "continues"),
        "unknown: a restart is not a reboot",
    ),
    "api_access": Switch(
        "whether the account may use the API",
        ("release", "on", "off"),
        "on by default before X15.2, off since; a per-administrator option",
    ),
    "same_subject": Switch(
        "what happens to CA certificates of the same subject in the trusted CA list",
        ("first", "all"),
        "213872: the first match wins, the others are ignored; OpenSSL itself would look at all",
    ),
    "duplicate_ca": Switch(
        "what appending a CA certificate does that is in the list already", ("kept", "dropped"), "unknown"
    ),
    "same_key_upload": Switch(
        "an upload with the key that the slot holds already, and no pending CSR",
        ("refused", "accepted"),
        "unknown: 218034 speaks of the pending CSR's key only",
    ),
    "csr_after_upload": Switch(
        "what becomes of the pending CSR when a certificate with its key was uploaded",
        ("gone", "kept"),
        "unknown: that it is used up then is inferred",
    ),
    "server_eku_upload": Switch(
        "X15.4 Expressway-E: xConfiguration XCP TLS Certificate CVS EnableServerEkuUpload",
        ("off", "on"),
        "225482; a setting of the box, not an unknown",
    ),
    "eku_checking": Switch(
        "X15.5: xConfiguration SIP TLS Certificate ExtendedKeyUsage Checking Mode, for inbound SIP TLS",
        ("on", "off"),
        "225693; a setting of the box, not an unknown",
    ),
    "server_as_client": Switch(
        "X15.5: an API upload also goes to the client slot, as the web page offers; asked: with use_as_client=true",
        ("off", "on", "asked"),
        "225693 for the page; unknown for the API",
    ),
    "raml_groups": Switch(
        "which resources the box's own description lists: those it has, or the other kind's, too",
        ("own", "both"),
        "unknown: no description of a real box is public",
    ),
    "uc_zones": Switch(
        "whether Unified Communications traversal zones are listed among the other traversal zones as well",
        ("apart", "both"),
        "unknown: seen under unifiedcommunicationstraversal alone",
    ),
    "client_store_api": Switch(
        "X15.5: whether the API reaches the client slot, as /api/provisioning/certs/client",
        ("absent", "listed"),
        "unknown: nothing was found, the name is the lab's",
    ),
    "cluster_csr_name": Switch(
        "what the API puts as common name of a CSR on a peer of a cluster: the cluster's name, or the peer's own",
        ("cluster", "own"),
        "the web page offers either (guide X15.4); unknown for the API",
    ),
    "cluster_status": Switch(
        "whether the status tells how a peer of a cluster stands with the others",
        ("shown", "absent"),
        "unknown: the only capture is of a single box, with an empty Alternates",
    ),
    "pending_key_file": Switch(
        "what the file with the pending CSR's key is called in the folder of certificates; none: it is in no file",
        ("privkey.pem.csr", "csr-key.pem", "none"),
        "unknown: no source names it; in HSM mode the key is in no file (confirmed)",
    ),
    "form_fields": Switch(
        "what the fields for the files are called on the page of the server certificate: as the driver guesses, or not",
        ("guessed", "other"),
        "unknown: only the labels are documented",
    ),
    "names_its_cas": Switch(
        "whether a port that asks for a certificate names the CAs which it accepts (RFC 8446 section 4.2.4)",
        ("off", "on"),
        "unknown; servers may leave the names out",
    ),
    "maintenance_alarm": Switch(
        "whether the alarm that stands in maintenance mode names it",
        ("named", "other"),
        "unknown: that there is an alarm is confirmed, its text is not",
    ),
    "maintenance_after_restart": Switch(
        "whether a box that restarts is in maintenance mode again",
        ("off", "on"),
        "off: Administrator Guide of VCS X8 (confirmed); whether it is so in every release is unknown",
    ),
    "lockout_after": Switch(
        "refused logins until the account is locked for the lab's lifetime; 0 is never",
        (),
        "inferred: boxes ban and lock, the number is a setting of theirs",
        number=5,
    ),
}


class Settings:
    """Hold one box's setting of every switch of its table.

    Raises UsageError for a switch or a setting that does not exist.
    """

    def __init__(self, chosen: Mapping[str, str] | None = None, table: Mapping[str, Switch] = SWITCHES) -> None:
        self._values = {name: switch.default for name, switch in table.items()}
        for name, setting in (chosen or {}).items():
            self._values[name] = _checked(name, setting, table)

    def __getitem__(self, name: str) -> str:
        """Return the setting of a switch."""
        return self._values[name]

    def number(self, name: str) -> int:
        """Return the setting of a switch that is a whole number."""
        return int(self._values[name])


def _checked(name: str, setting: str, table: Mapping[str, Switch]) -> str:
    if name not in table:
        raise UsageError(f"There is no switch {escape(name)}.", todo=f"Switches: {', '.join(table)}.")
    switch = table[name]
    if setting in switch.settings or (switch.number is not None and setting.isdecimal()):
        return setting
    takes = ", ".join([*switch.settings, *(["a whole number"] if switch.number is not None else [])])
    raise UsageError(f"The switch {name} has no setting {escape(setting)}.", todo=f"It takes {takes}.")
