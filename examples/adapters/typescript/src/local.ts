// Runs the handler against a host of Lambda's Runtime API on this machine, as Lambda's Node.js runtime
// does. It is for `keyrota adapter test` only, and is not deployed.

import { handler } from "./adapter.js";

const api = `http://${process.env["AWS_LAMBDA_RUNTIME_API"]}/2018-06-01/runtime/invocation`;

for (;;) {
  const invocation = await fetch(`${api}/next`);
  const id = invocation.headers.get("lambda-runtime-aws-request-id");
  const event = await invocation.json();
  try {
    const body = JSON.stringify(await handler(event));
    await fetch(`${api}/${id}/response`, { method: "POST", body });
  } catch {
    // The error's text may repeat the event.
    const body = JSON.stringify({ errorType: "Error" });
    await fetch(`${api}/${id}/error`, { method: "POST", body });
  }
}
