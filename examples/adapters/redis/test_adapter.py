"""Tests what happens when servers are slow. It needs the packages of requirements.txt, and no server."""

import unittest
from unittest import mock

import adapter


class Servers(unittest.TestCase):
    """Servers that need some seconds for each login and each command."""

    def ask(self, request, seconds, hosts=3):
        clock = [0]
        self.commands = []

        def wait(*command):
            clock[0] += seconds
            self.commands.append(command[0])

        def log_in(username, password, rest):
            self.assertGreater(rest, 0)
            wait("login")

        event = {
            "version": 1,
            "request": request,
            "username": "app",
            "password": "old",
            "settings": {"hosts": ",".join(["redis.internal"] * hosts)},
        }
        if request == "change":
            event["new_password"] = "new"
        with (
            mock.patch.object(adapter.time, "monotonic", lambda: clock[0]),
            mock.patch.object(adapter.Node, "log_in", side_effect=log_in),
            mock.patch.object(adapter.Node, "run", side_effect=wait),
        ):
            return adapter.handler(event, None)

    def test_all_in_time(self):
        answer = self.ask("change", 1)
        self.assertEqual(answer, {"version": 1, "outcome": "success", "previous": "works"})
        self.assertEqual(self.commands, ["login"] * 3 + ["ACL SETUSER", "ACL"] * 3)

    def test_too_late_for_a_login(self):
        answer = self.ask("authenticate", 8)
        self.assertEqual((answer["outcome"], answer["code"]), ("unreachable", "deadline"))
        self.assertEqual(self.commands, ["login"] * 2)

    def test_too_late_for_a_change(self):
        for seconds, commands in [(3, 5), (2, 8), (5, 3)]:
            answer = self.ask("change", seconds)
            self.assertEqual((answer["outcome"], answer["code"]), ("unclear", "deadline"))
            self.assertEqual(len(self.commands), commands)

    def test_a_login_ends_in_time(self):
        for seconds, timeout in [(15, 3), (10, 2), (1, 0.2)]:
            with mock.patch.object(adapter.redis, "Redis") as client:
                adapter.Node("redis.internal", {}).log_in("app", "old", seconds)
            given = client.call_args.kwargs
            self.assertEqual(given["socket_timeout"], timeout)
            self.assertEqual(given["socket_connect_timeout"], timeout)


if __name__ == "__main__":
    unittest.main()
