"""Be an Expressway that people work by hand, in the words of `engine.contracts.Device`."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from engine.contracts import PENDING_CSR, Access, BoxStatus, Brought, CsrSpec, Desk, Device
from engine.errors import Refused, UsageError, Waiting
from engine.model import Ask
from engine.text import escape, moment
from plugins.guided import Options, client, pages

if TYPE_CHECKING:
    from cryptography import x509

    from engine.certificates import Description

SERVER = "server"


def desk_of(access: Access) -> Desk:
    """Return where people hand in what they see. Raises UsageError outside a renewal."""
    if access.desk is None:
        raise UsageError(
            f"What {escape(access.node)} holds is known only to people, who bring it within a renewal.",
            untouched="Nothing was changed.",
            todo="Begin one: certrenew start CERTIFICATE",
        )
    return access.desk


class Guided(Device):
    """Have people do each write, and read what they brought; what the ports show is looked at instead, where it can be.

    What a write asks for is told by Waiting, with steps and files; nothing is remembered but what people bring.
    """

    def __init__(self, access: Access, options: Options) -> None:
        self._access, self._options, self._node = access, options, access.node

    @property
    def by_hand(self) -> bool:
        """Say that people work this box."""
        return True

    @property
    def restart_timeout(self) -> int:
        """Return the setting `restart_timeout`, in seconds."""
        return self._options.restart_timeout

    @property
    def poll_interval(self) -> int:
        """Return the setting `poll_interval`, in seconds."""
        return self._options.poll_interval

    @property
    def trust_needs_restart(self) -> bool:
        """Return the setting `trust_needs_restart`: the vendor's documents contradict each other."""
        return self._options.trust_needs_restart

    @property
    def _desk(self) -> Desk:
        return desk_of(self._access)

    @property
    def _place(self) -> pages.Place:
        return pages.Place(self._node, self._access.address, self._desk.renewal)

    # ---- reading ----

    def slots(self) -> tuple[str, ...]:
        """Name ``server``: how the page of the client store of X15.5 is worked is not documented well enough."""
        return (SERVER,)

    def status(self) -> BoxStatus:
        """Tell the release, by the site or as it was at the inspection; nothing else of it can be seen from outside."""
        release = self._options.release or (self._access.desk.release() if self._access.desk else "")
        if not release:
            raise UsageError(
                f"The release of {escape(self._node)} is not known.",
                todo=f'Add it as its pages show it, `release = "X14.3.1"`, to [nodes.{escape(self._node)}.options].',
            )
        return BoxStatus(release=release, uptime=None)

    def certificate(self, slot: str) -> "x509.Certificate":
        """Return what the slot held when it was last looked at, unless its port shows that it is another one since.

        Raises Waiting while nobody brought it, NotSent when nothing answers at the box.
        """
        from engine.certificates import fingerprint
        from plugins.guided.wire import CERTIFICATE

        self._only_server(slot)
        seen, shown = self._desk.seen(CERTIFICATE), fingerprint(client.presented(self._access.address))
        held = str(seen.shows["certificate"]) if seen else self._desk.held(slot)
        before = {str(seen.shows["presented"])} if seen else set[str]()
        if held and shown in {held, *before, *self._desk.presented()}:
            return self._desk.certificate(held)
        step = pages.show_certificate(self._place)
        what = f"the text of the server certificate of {self._node}, Show (decoded)"
        raise self._bring(Ask(node=self._node, what=CERTIFICATE, text=what, step=step))

    def trusted(self, store: str = "") -> "list[x509.Certificate]":
        """Return the list that was brought last. Raises Waiting where there is none younger than `list_hours`."""
        from plugins.guided.wire import TRUSTED

        seen = self._desk.seen(TRUSTED)
        if seen and (self._access.now() - moment(seen.at)).total_seconds() < self._options.list_hours * 3600:
            return [self._desk.certificate(str(sha256)) for sha256 in seen.shows["certificates"]]
        raise self._bring(self._list())

    def pending_csr(self) -> "x509.CertificateSigningRequest | None":
        """Return the CSR that is pending as far as is known. Raises Waiting where nobody looked in this round.

        Whether somebody discarded it since can't be seen: the box itself refuses a certificate whose key is gone.
        """
        made, seen = self._desk.pending(), self._desk.seen(PENDING_CSR)
        if made is not None:
            return made
        if seen is None:
            raise self._bring(*self._csr_asks(pages.show_pending(self._place)))
        csr = self._desk.request(str(seen.shows["csr"])) if seen.shows["csr"] else None
        return None if csr is None or self._used_up(csr) else csr

    def _used_up(self, csr: "x509.CertificateSigningRequest") -> bool:
        """Tell whether a certificate of a CSR's key was seen in the slot since: the upload uses the CSR up."""
        from engine.certificates import key_digest
        from plugins.guided.wire import CERTIFICATE

        slot = self._desk.seen(CERTIFICATE)
        held = self._desk.certificate(str(slot.shows["certificate"])) if slot else None
        return held is not None and key_digest(held.public_key()) == key_digest(csr.public_key())

    def take(self, content: bytes, name: str) -> Brought:
        """Say what a file shows: the pending CSR, the server certificate (text or PEM) or the trusted CA certificates.

        Raises UsageError for anything else, Refused for the text of a certificate that this box should not have.
        """
        from cryptography import x509

        from engine.certificates import describe
        from plugins.guided import wire

        found = wire.recognised(content, name)
        if isinstance(found, x509.CertificateSigningRequest):
            return wire.pending(found, self._node)
        if isinstance(found, list) and (len(found) > 1 or wire.is_ca(found[0])):
            return wire.trust_list(found, self._node)
        presented = client.presented(self._access.address)
        candidates = [presented, *self._desk.known()]
        if isinstance(found, list):
            held = found[0] if found[0] in candidates or self._may_be_new(found[0]) else None
            told = describe(found[0])
        else:
            held, told = wire.described_by(found, candidates), found.description
        if held is None:
            raise self._another(told, candidates, name)
        return wire.held(held, presented, self._node)

    def _may_be_new(self, certificate: "x509.Certificate") -> bool:
        """Tell whether, before the inspection, a box could hold what its port does not present until a restart."""
        from engine.certificates import names, same_name

        mine = f"DNS:{self._access.hostname}"
        return not self._desk.held(SERVER) and any(same_name(mine, name) for name in names(certificate))

    def _another(self, told: "Description", candidates: "Sequence[x509.Certificate]", name: str) -> Refused:
        known = "; ".join(dict.fromkeys(_short(one) for one in candidates))
        return Refused(
            f"{escape(name, 200)} is of {escape(told.subject, 100) or 'no subject'}, serial "
            f"{escape(told.serial, 60) or '?'}, until {escape(told.not_after, 30) or '?'}. {escape(self._node)} should "
            f"have one of: {known}.",
            untouched="It was not recorded, and nothing else was done.",
            todo="Is it the page of another box, or cut off? Was another file uploaded? Then upload the right one, "
            f"which the steps name: certrenew why {self._desk.renewal}",
        )

    def origin(self, certificate: "x509.Certificate") -> str:
        """Say who brought what shows that the slot, or the list, holds a certificate."""
        from engine.certificates import fingerprint
        from plugins.guided.wire import CERTIFICATE, TRUSTED

        sha256 = fingerprint(certificate)
        slot, listed = self._desk.seen(CERTIFICATE), self._desk.seen(TRUSTED)
        if slot and slot.shows["certificate"] == sha256:
            return slot.origin
        return listed.origin if listed and sha256 in listed.shows["certificates"] else ""

    # ---- what people are asked to do ----

    def add_trusted(self, certificate: "x509.Certificate", store: str = "") -> None:
        """Have a CA certificate appended, and the list brought. Raises Waiting."""
        title, file = paper_of(self._desk, certificate)
        ask = self._list()
        steps = [pages.append(self._place, title, file), ask.step]
        raise self._waiting(f"People have to add CA certificates on {self._node}.", steps, ask)

    def remove_trusted(self, certificate: "x509.Certificate", store: str = "") -> None:
        """Have a CA certificate taken out, and the list brought. Raises Waiting."""
        ask = self._list()
        steps = [pages.delete(self._place, _short(certificate)), ask.step]
        raise self._waiting(f"People have to take CA certificates out on {self._node}.", steps, ask)

    def csr_limits(self, spec: CsrSpec) -> Sequence[str]:
        """Say what of `spec` the page Generate CSR can't express. Sends nothing."""
        return list(pages.limits(spec, self.status().release))

    def generate_csr(self, spec: CsrSpec) -> None:
        """Have a key and a CSR made, and the CSR brought. Raises Waiting; Refused while one is known to be pending."""
        if short := self.csr_limits(spec):
            raise Refused(
                f"The page of {escape(self._node)} can't make this CSR. {' '.join(short)}",
                untouched="Nobody was asked to make it.",
                todo="Change what the site asks for, or renew this certificate outside certrenew.",
            )
        if self.pending_csr() is not None:
            raise Refused(
                f"A CSR is pending on {escape(self._node)} already; a second one would destroy the key of the first.",
                untouched="Nobody was asked to make one.",
                todo=f"certrenew why {self._desk.renewal}",
            )
        values = "".join(f"{label}\n{value}\n\n" for label, value in pages.fields(spec).items())
        file = self._desk.paper(f"{self._node}-generate-csr.txt", values.encode())
        steps = pages.generate(self._place, spec, file)
        asks = self._csr_asks(steps[-1])[:1]
        raise self._waiting(f"A person has to make the CSR on {self._node}.", steps, *asks)

    def install(self, slot: str, leaf: "x509.Certificate") -> None:
        """Have the leaf uploaded alone, and the slot's text brought. Raises Waiting; Refused for another key's leaf."""
        from engine.certificates import key_digest, to_pem
        from plugins.guided.wire import CERTIFICATE

        self._only_server(slot)
        pending = self.pending_csr()
        if pending is None or key_digest(pending.public_key()) != key_digest(leaf.public_key()):
            raise Refused(
                f"This certificate is not of the key that is pending on {escape(self._node)}; the box would refuse it.",
                untouched="Nobody was asked to upload it.",
                todo=f"certrenew show {self._desk.renewal}",
            )
        file = self._desk.paper(f"{self._node}-{slot}.pem", to_pem(leaf).encode())
        steps = pages.upload(self._place, _short(leaf), file)
        what = f"the text of the server certificate of {self._node} after the upload, Show (decoded)"
        ask = Ask(node=self._node, what=CERTIFICATE, text=what, step=steps[-1])
        raise self._waiting(f"A person has to upload the new certificate on {self._node}.", steps, ask)

    def restart(self) -> None:
        """Have the box restarted; its ports show it. Raises Waiting."""
        what = f"A person has to restart {self._node}."
        raise self._waiting(what, pages.restart(self._place), poll_after=self.poll_interval)

    # ---- asking ----

    def _list(self) -> Ask:
        from plugins.guided.wire import TRUSTED

        text = f"the list of trusted CA certificates of {self._node}, Show all (PEM file)"
        return Ask(node=self._node, what=TRUSTED, text=text, step=pages.show_trusted(self._place))

    def _csr_asks(self, step: str) -> list[Ask]:
        file = Ask(node=self._node, what=PENDING_CSR, text=f"the pending CSR of {self._node}, Download", step=step)
        none = f"no CSR is pending on {self._node}: its page offers Generate CSR, and no Discard CSR"
        return [file, Ask(node=self._node, what=PENDING_CSR, text=none, step=step, word=none, shows={"csr": ""})]

    def _bring(self, *asks: Ask) -> Waiting:
        return self._waiting(f"What {self._node} holds has to be looked at.", [asks[0].step], *asks)

    def _waiting(self, what: str, steps: Sequence[str], *asks: Ask, poll_after: int = 0) -> Waiting:
        todo = f"Do the steps in their order; then: {self._place.run}."
        return Waiting(what, on="person", todo=todo, poll_after=poll_after).asking(*asks, steps=steps)

    def _only_server(self, slot: str) -> None:
        if slot != SERVER:
            raise Refused(
                f"By hand the slot {SERVER} of {escape(self._node)} can be worked only, not {escape(slot, 40)}.",
                untouched="Nothing was changed.",
                todo="Renew that one on the box's page, outside certrenew; here renew a certificate of the slot "
                f"{SERVER} alone: certrenew cancel {self._desk.renewal}",
            )


def paper_of(desk: Desk, certificate: "x509.Certificate") -> tuple[str, str]:
    """Write a CA certificate for people to upload; return its title and the path."""
    from engine.certificates import common_name, fingerprint, is_self_signed, to_pem

    kind = "root" if is_self_signed(certificate) else "intermediate"
    title = f"{kind} CA {escape(common_name(certificate.subject) or certificate.subject.rfc4514_string(), 60)}"
    return title, desk.paper(f"{kind}-{fingerprint(certificate)[:8]}.pem", to_pem(certificate).encode())


def _short(certificate: "x509.Certificate") -> str:
    """Name a certificate so that a person can find it on a page."""
    from engine.certificates import common_name, describe

    told = describe(certificate)
    name = common_name(certificate.subject) or told.subject
    return f"{escape(name, 60)}, serial {told.serial}, until {told.not_after}"
