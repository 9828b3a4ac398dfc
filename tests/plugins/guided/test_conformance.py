"""The driver and the person who works the box keep the contracts together, on simulated boxes with the API off."""

from collections.abc import Callable
from typing import ClassVar

import pytest

from engine.contracts import Device, TrustStore
from engine.testing import DeviceConformance, TrustStoreConformance
from plugins.guided import Options
from tests.plugins.guided.conftest import MakeLab
from tests.plugins.guided.desk import Vouched, Worked

pytestmark = pytest.mark.lab


class _OnTheLab(DeviceConformance):
    logs_in: ClassVar[bool] = False  # people do, with an account of their own; the driver has none
    node, release = "expc", "X14.3"

    @pytest.fixture(autouse=True)
    def _labs(self, make_lab: MakeLab) -> None:
        self._make_lab = make_lab

    def make(self, password: Callable[[], str] | None = None) -> Device:
        lab = self._make_lab(releases={self.node: self.release}, switches={"*": {"api_access": "off"}})
        return Worked(lab, self.node, Options(release=self.release, restart_timeout=20, poll_interval=1))


class TestExpresswayC(_OnTheLab):
    """The contract of devices, on an Expressway-C."""


class TestOldExpresswayE(_OnTheLab):
    """The contract of devices, on an Expressway-E whose release makes no ECDSA keys."""

    node, release = "expe", "X12.5"

    @pytest.fixture(autouse=True)
    def _labs(self, make_lab: MakeLab) -> None:
        self._make_lab = lambda **options: make_lab(key="rsa-2048", **options)


class TestExternal(TrustStoreConformance):
    """The contract of trust stores, by somebody's word."""

    logs_in: ClassVar[bool] = False  # nobody of ours has an account there

    @pytest.fixture(autouse=True)
    def _labs(self, make_lab: MakeLab) -> None:
        self._make_lab = make_lab

    def make(self, password: Callable[[], str] | None = None) -> TrustStore:
        return Vouched(self._make_lab(neighbour=True), "partner")
