// Sends requests to the service.

const TIMEOUT_MILLISECONDS = 8_000;
const LONGEST_ANSWER = 16 * 1024;

/** What came back. */
export type Answer =
  /** The service cannot have carried out the request. */
  | { kind: "not sent" }
  /** The service may have carried out the request. */
  | { kind: "none" }
  | { kind: "answer"; status: number; body: Record<string, unknown> | undefined };

export type Send = (url: string, body: Record<string, string>) => Promise<Answer>;

/** Errors after which nothing was sent. */
const UNSENT = ["ECONNREFUSED", "ENOTFOUND", "EHOSTUNREACH", "UND_ERR_CONNECT_TIMEOUT"];

export const send: Send = async (url, body) => {
  if (!url.startsWith("https://")) {
    return { kind: "not sent" };
  }
  try {
    const response = await fetch(url, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(body),
      // A redirect could send a password to another host.
      redirect: "manual",
      signal: AbortSignal.timeout(TIMEOUT_MILLISECONDS),
    });
    return { kind: "answer", status: response.status, body: await read(response) };
  } catch (error) {
    return { kind: UNSENT.includes(code(error)) ? "not sent" : "none" };
  }
};

function code(error: unknown): string {
  const cause = error instanceof Error ? error.cause : undefined;
  return typeof cause === "object" && cause !== null && "code" in cause ? String(cause.code) : "";
}

/** Returns the answer if it is a JSON object of a sensible length. */
async function read(response: globalThis.Response): Promise<Record<string, unknown> | undefined> {
  let text = "";
  const decoder = new TextDecoder();
  for await (const chunk of response.body ?? []) {
    text += decoder.decode(chunk as Uint8Array, { stream: true });
    if (text.length > LONGEST_ANSWER) {
      return undefined;
    }
  }
  try {
    const body: unknown = JSON.parse(text);
    return typeof body === "object" && body !== null && !Array.isArray(body)
      ? (body as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
