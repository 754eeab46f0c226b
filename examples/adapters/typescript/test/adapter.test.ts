import assert from "node:assert/strict";
import { test } from "node:test";

import { handle } from "../src/adapter.js";
import type { Request } from "../src/contract.js";
import { send, type Answer } from "../src/service.js";

const REQUEST: Request = {
  version: 1,
  request: "authenticate",
  username: "billing",
  password: "old",
  settings: { url: "https://portal.example.com" },
};

function got(status: number, body?: Record<string, unknown>): Answer {
  return { kind: "answer", status, body };
}

test("a login means what the service says", async () => {
  for (const [answer, outcome] of [
    [got(200, {}), "success"],
    // A page of something in front of the service.
    [got(200), "unclear"],
    [got(401), "refused"],
    [got(503), "unreachable"],
    [got(500, {}), "unclear"],
    [got(307), "unclear"],
    [{ kind: "none" }, "unclear"],
    [{ kind: "not sent" }, "unreachable"],
  ] as [Answer, string][]) {
    const response = await handle(REQUEST, async () => answer);
    assert.equal(response.outcome, outcome);
  }
});

test("a change sends both passwords", async () => {
  const request: Request = { ...REQUEST, request: "change", new_password: "new" };
  const sent: unknown[] = [];
  const response = await handle(request, async (url, body) => {
    sent.push(url, body);
    return got(200, {});
  });
  assert.equal(response.outcome, "success");
  assert.deepEqual(sent, [
    "https://portal.example.com/password",
    { user: "billing", password: "old", new_password: "new" },
  ]);
  assert.equal((await handle(request, async () => got(422))).outcome, "password_rejected");
});

test("another version is unclear, and no password goes without TLS", async () => {
  const response = await handle({ ...REQUEST, version: 2 }, async () => got(200, {}));
  assert.equal(response.outcome, "unclear");
  assert.deepEqual(await send("http://portal.example.com/login", {}), { kind: "not sent" });
});
