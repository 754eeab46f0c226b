// The contract between keyrota's service function and an adapter: schema/adapter.schema.json.

export const VERSION = 1;

export interface Request {
  version: number;
  request: "authenticate" | "change";
  username: string;
  password: string;
  new_password?: string;
  settings: Record<string, string>;
}

export type Outcome = "success" | "refused" | "password_rejected" | "unreachable" | "unclear";

export interface Response {
  version: 1;
  outcome: Outcome;
  /** Whether the previous password still works after a change. */
  previous?: "void" | "works";
  /** The service's own code, without any secret. */
  code?: string;
}

export function answer(outcome: Outcome, code?: string): Response {
  return code === undefined ? { version: VERSION, outcome } : { version: VERSION, outcome, code };
}
