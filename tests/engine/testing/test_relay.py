"""Hold the relay of the conformance class: it changes nothing but what it is told to, and counts what is sent."""

import pytest

from engine.errors import NotSent, Unreachable
from engine.https import HttpsClient, Response
from engine.net import TlsTrust
from engine.testing.relay import Relay, Reply, Sent, Upstream


class Guarded(Relay):
    """Be a server that wants a header, and tells what it was sent."""

    def __init__(self) -> None:
        super().__init__(lambda sent: True)

    def upstream(self) -> Upstream:
        return Upstream(self.address, str(self.ca))  # never opened

    def answer(self, sent: Sent, upstream: Upstream) -> Reply | None:
        self.submissions.append(sent)
        if "ann" not in dict(sent.headers).values():
            return Reply(401, [("WWW-Authenticate", "Name")], b"who?")
        return Reply(200, [("Content-Type", "text/plain")], f"{sent.method} {sent.path} ".encode() + sent.body)


def _ask(relay: Relay, method: str = "POST", *, name: str = "ann") -> Response:
    client = HttpsClient(relay.address, TlsTrust("127.0.0.1", ca=str(relay.ca)))
    return client.request(method, "/a?b=c", headers={"X-Name": name}, body=b"1234" if method == "POST" else None)


def test_a_request_is_forwarded_as_it_is() -> None:
    """Method, path, headers and body arrive; status, type and body come back; a mere question is not counted."""
    with Guarded() as server, Relay(lambda sent: sent.method == "POST") as relay:
        relay.lead_to(server.address, server.ca)
        answer = _ask(relay)
        assert (answer.status, answer.content_type, answer.body) == (200, "text/plain", b"POST /a?b=c 1234")
        assert _ask(relay, "GET").body == b"GET /a?b=c "
        assert [sent.body for sent in relay.submissions] == [b"1234"]
        assert len(server.submissions) == 2


def test_asking_for_a_login_is_no_submission() -> None:
    """A 401 is handed on in every mode and counts for nothing: the same request comes again with a login."""
    with Guarded() as server, Relay(lambda sent: True) as relay:
        relay.lead_to(server.address, server.ca)
        relay.mode = "swallow"
        assert _ask(relay, name="nobody").status == 401
        assert relay.submissions == []
        with pytest.raises(Unreachable):
            _ask(relay)
        assert len(relay.submissions) == 1


def test_what_is_dropped_never_arrives_and_what_is_swallowed_does() -> None:
    """Cut before or after the server had it: the client can't tell; a relay that does not listen is another thing."""
    for mode, arrived in (("drop", 0), ("swallow", 1)):
        with Guarded() as server, Relay(lambda sent: True) as relay:
            relay.lead_to(server.address, server.ca)
            relay.mode = mode  # type: ignore[assignment]
            with pytest.raises(Unreachable) as caught:
                _ask(relay)
            assert not isinstance(caught.value, NotSent)
            assert (len(server.submissions), len(relay.submissions)) == (arrived, 1)
            relay.close()
            with pytest.raises(NotSent):
                _ask(relay)


def test_the_first_answer_is_replayed() -> None:
    """All later submissions get the answer to the first, and the server does not see them."""
    with Guarded() as server, Relay(lambda sent: sent.method == "POST") as relay:
        relay.lead_to(server.address, server.ca)
        relay.mode = "replay"
        first = _ask(relay)
        assert _ask(relay, name="bob") == first
        assert len(server.submissions) == 1
