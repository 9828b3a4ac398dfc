"""Check what needs no box: the site file, plugins, authorities, certificates and names."""

from collections.abc import Iterator

from engine.doctor.findings import Diagnosis, failed, from_error, passed, warned
from engine.doctor.patient import Patient, host_names
from engine.errors import CertrenewError, UsageError
from engine.site import NotFilledIn
from engine.text import counted, escape

SOURCE = "docs/reference/site-file.md"


def site(patient: Patient) -> Iterator[Diagnosis]:
    """Fail when the site file can't be used; what has to be filled in is named."""
    if isinstance(patient.fault, NotFilledIn):
        yield from _not_filled_in(patient.fault)
        return
    if patient.fault is not None:
        yield from_error("site", patient.fault)
        return
    estate = patient.estate
    parts = {"node": estate.nodes, "connection": estate.connections, "certificate": estate.certificates}
    counts = ", ".join(counted(len(found), what) for what, found in parts.items())
    yield passed("site", f"{escape(estate.file)}: {counts}.")
    if not estate.certificates:
        yield warned("site", "The site names no certificate.", "Add [certificates.NAME]; there is nothing to renew.")


def _not_filled_in(error: NotFilledIn) -> Iterator[Diagnosis]:
    for place, wanted in error.places.items():
        what, todo = f"`{escape(place, 100)}` is not filled in yet.", f"Put there: {escape(wanted, 120) or 'a value'}"
        yield failed("site", what, todo, source=SOURCE, code=error.exit_code)


def plugins(patient: Patient) -> Iterator[Diagnosis]:
    """Fail when a plugin can't be loaded, two register one name, or a distribution is not installed."""
    for error in patient.plugin_faults:
        yield from_error("plugins", error)
    for name in _not_installed(patient.registry.distributions):
        what = f"[plugins] allows the distribution `{escape(name)}`, which is not installed here."
        yield failed("plugins", what, "Install it, or take it out.", source=SOURCE, code=UsageError.exit_code)
    if not patient.plugin_faults:
        drivers, authorities = sorted(patient.registry.peers), sorted(patient.registry.authorities)
        told = f"Drivers: {', '.join(map(escape, drivers))}. Authorities: {', '.join(map(escape, authorities))}."
        yield passed("plugins", told)


def _not_installed(distributions: tuple[str, ...]) -> list[str]:
    from importlib.metadata import PackageNotFoundError, distribution

    missing = []
    for name in distributions:
        try:
            distribution(name)
        except (PackageNotFoundError, ValueError):
            missing.append(name)
    return missing


def authorities(patient: Patient) -> Iterator[Diagnosis]:
    """Fail when an authority's settings don't fit its plugin, or its root files can't be read; contacts nobody."""
    if patient.plugin_faults:
        return
    for name in patient.estate.authorities:
        yield from _authority(patient, name)


def _authority(patient: Patient, name: str) -> Iterator[Diagnosis]:
    if name in patient.authority_faults:
        yield from_error("authorities", patient.authority_faults[name])
        return
    try:
        roots = patient.connections.roots(name)
    except CertrenewError as error:
        yield from_error("authorities", error)
        return
    shown = escape(name)
    if not roots:
        what = f"The site has no CA certificate of `{shown}`; a chain is complete only if it sends its root along."
        yield warned("authorities", what, f"Ask its people for the root, and name the file in `roots` of {shown}.")
        return
    ended = [root for root in roots if root.not_valid_after_utc < patient.now]
    for root in ended:
        what = f"A CA certificate of `{shown}`, {escape(root.subject.rfc4514_string(), 80)}, has ended."
        yield failed("authorities", what, f"Take it out of `roots` of {shown}.")
    if not ended:
        yield passed("authorities", f"`{shown}`: {len(roots)} CA certificate{'s' if len(roots) > 1 else ''} at hand.")


def names(patient: Patient) -> Iterator[Diagnosis]:
    """Warn when the system's resolver knows no address for a host name of a node or an extra name."""
    found = [(name, patient.unresolved[name]) for name in host_names(patient.estate, patient.nodes)]
    for reason in dict.fromkeys(why for _, why in found if why):
        lacking = ", ".join(escape(name, 100) for name, why in found if why == reason)
        what = f"No address is known here for {lacking}: {reason}."
        todo = "Correct the name, or see to the DNS. Names of chat nodes and phone profiles need no address."
        yield warned("names", what, todo, source=SOURCE)
    known = sum(not why for _, why in found)
    if known:
        yield passed("names", f"{known} of {len(found)} host names have an address.")
