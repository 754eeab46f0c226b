// A Lambda adapter to begin with, for a service with a small HTTPS API. `POST {url}/login` tries a
// password, and `POST {url}/password` changes it. Replace `authenticate` and `change` with what your
// service needs, and keep the rest.
//
// Never log the event or an answer of the service: both contain passwords.

import { answer, VERSION, type Request, type Response } from "./contract.js";
import { send as sendOverHttps, type Answer, type Send } from "./service.js";

/** Answers one request. Lambda calls it. */
export async function handler(event: Request): Promise<Response> {
  return handle(event, sendOverHttps);
}

export async function handle(event: Request, send: Send): Promise<Response> {
  if (event.version !== VERSION) {
    return answer("unclear", "version");
  }
  switch (event.request) {
    case "authenticate":
      return authenticate(event, send);
    case "change":
      return change(event, send);
    default:
      return answer("unclear", "request");
  }
}

/** Logs in, and changes nothing. */
async function authenticate(event: Request, send: Send): Promise<Response> {
  const { username, password, settings } = event;
  const got = await send(`${settings["url"]}/login`, { user: username, password });
  return outcome(got);
}

/** Logs in with the password, and replaces it. keyrota may send the same request again. */
async function change(event: Request, send: Send): Promise<Response> {
  const { username, password, new_password, settings } = event;
  if (new_password === undefined) {
    return answer("unclear", "new_password");
  }
  const body = { user: username, password, new_password };
  const got = await send(`${settings["url"]}/password`, body);
  if (got.kind === "answer" && got.status === 422) {
    return answer("password_rejected", "HTTP 422");
  }
  return outcome(got);
}

/** Returns what an answer means. Everything that the service does not say itself is unclear. */
function outcome(got: Answer): Response {
  if (got.kind === "not sent") {
    return answer("unreachable", "not sent");
  }
  if (got.kind === "none") {
    return answer("unclear", "no answer");
  }
  const code = `HTTP ${got.status}`;
  if (got.status === 200 && got.body !== undefined) {
    return answer("success");
  }
  if (got.status === 401) {
    return answer("refused", code);
  }
  return answer(got.status === 503 ? "unreachable" : "unclear", code);
}
