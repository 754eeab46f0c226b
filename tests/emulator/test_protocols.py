"""The protocols are those of botocore's models."""

from __future__ import annotations

import unittest

import botocore.session
from keyrota_emulator import protocols
from keyrota_emulator.replaced import SERVICES
from ministack.core import responses


class Protocols(unittest.TestCase):
    def test_each_service_has_the_protocol_of_its_model(self) -> None:
        session = botocore.session.get_session()
        for service in SERVICES:
            name = responses._BOTOCORE_NAME.get(service, service)
            metadata = session.get_service_model(name).metadata
            with self.subTest(service):
                expected = {
                    key: metadata[key] for key in ("protocol", "jsonVersion") if key in metadata
                }
                if expected["protocol"] != "json":
                    expected.pop("jsonVersion", None)
                self.assertEqual(protocols.PROTOCOLS[service], expected)


if __name__ == "__main__":
    unittest.main()
