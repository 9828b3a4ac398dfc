"""Say how the services of one node stand, and restart them: by its Control Center, or at its command line."""

from collections.abc import Sequence

from engine.contracts import Access, Service, ServiceState
from engine.errors import Failed, Refused
from engine.text import escape, stamp
from plugins.cucm import Options, services, soap
from plugins.cucm.cli import wire
from plugins.cucm.cli.client import Cli
from plugins.cucm.client import Soap
from plugins.cucm.soap import Item

PATIENCE = 3
"""How many times its usual duration a restart at the command line may take."""


class Restarts:
    """Be the services of one node, as the setting `restarts` has them read and restarted."""

    def __init__(self, access: Access, options: Options, control: Soap, cli: Cli) -> None:
        self._node, self._now, self._options = access.node, access.now, options
        self._name = options.node_name or access.hostname
        self._control, self._cli = control, cli
        self._table = services.table(access.kind, options.xmpp_service)

    def services(self) -> Sequence[Service]:
        """Name what of the table runs here now, in the vendor's order; one request. Read-only."""
        items = self._items()
        return services.running(self._table, items, self._now(), self._by_people)

    def service(self, name: str) -> ServiceState:
        """Read how a service stands; one request. Read-only.

        By the Control Center `since` is our clock at the answer less `UpTime`: the box's own `StartTime` names no time
        zone. It is off by no more than the answer took, and by up to a second later than the truth; a service that
        restarts moves it by all the time it ran before. The command line shows no start, so there `since` is empty.
        """
        service = self._known(name)
        items = self._items(service.name)
        at, item = self._now(), next((one for one in items if one.name.casefold() == service.name.casefold()), None)
        if item is None:
            raise Failed(
                f"{escape(self._node)} says nothing of its service {service.name}.",
                untouched="Nothing was changed.",
                todo="See in Cisco Unified Serviceability > Tools > Control Center whether this node has it.",
            )
        return services.state_of(item, at)

    def restart(self, name: str) -> str:
        """Have a service restart. Raises Refused for one that a person restarts, and Failed with the node's own words.

        At the command line it is watched until it runs: what runs afterwards started after the moment returned.
        The Control Center goes on after its answer, and the restart shows in `since`; then nothing is returned.
        """
        service = self._known(name)
        if service.guided:
            raise Refused(
                f"{service.name} on {escape(self._node)} is restarted by a person.",
                untouched="It was left as it was.",
                todo=service.todo,
            )
        if self._is_typed(service):
            before = stamp(self._now())
            self._cli.play(wire.restart(self._node, service.name, PATIENCE * service.duration))
            return before
        answer = self._control.call(soap.CONTROL, soap.restart_request(self._name, service.name))
        if refusal := soap.refusal(self._node, service.name, answer):
            raise refusal
        return ""

    def _by_people(self, service: Service) -> bool:
        only_typed = services.reserved(service.name) and not self._options.ssh_host_key
        return self._options.restarts == "people" or (self._options.restarts == "soap" and only_typed)

    def _is_typed(self, service: Service) -> bool:
        return self._options.restarts == "ssh" or services.reserved(service.name)

    def _known(self, name: str) -> Service:
        service = services.known(self._table, name)
        if service is None:
            raise Failed(
                f"This driver knows no service {escape(name, 60)} on {escape(self._node)}.",
                untouched="Nothing was sent.",
                todo=f"It knows: {', '.join(one.name for one in self._table)}.",
            )
        return services.as_set(service, by_people=self._by_people(service))

    def _items(self, name: str = "") -> Sequence[Item]:
        """Read how one service stands, or all for no name."""
        if self._options.restarts == "ssh":
            shown = self._cli.play(wire.list_services(self._node))
            return [Item(service, state.capitalize()) for service, state in shown.items()]
        answer = self._control.call(soap.STATUS, soap.status_request([name]))
        if answer.fault is None and answer.code == soap.DONE:
            return answer.items
        why = answer.fault if answer.fault is not None else f"{answer.code}, {answer.reason}"
        raise Failed(
            f"{escape(self._node)} did not say how its services stand: '{escape(why, soap.SHOWN)}'.",
            untouched="Nothing was changed.",
            todo="If the node is starting, wait some minutes; then run the same command again.",
        )
