/* Every call that the pages make, based on the client generated from the API's document. Each rejects with a Failure. */
import { type Ending, sessions } from "../session/session";
import { Failure, failureOf } from "./failure";
import * as api from "./generated";
import { client } from "./generated/client.gen";

const ENDINGS: readonly string[] = ["token_expired", "token_invalid", "user_inactive"] satisfies Ending[];
const TIME_LIMIT_MS = 12_000; // nginx gives up after 10 s

client.setConfig({
	baseUrl: window.location.origin,
	auth: () => sessions.current()?.token,
	fetch: (request: RequestInfo | URL) => fetch(request, { signal: AbortSignal.timeout(TIME_LIMIT_MS) }),
	cache: "no-store",
});

/* A token that the server refuses ends the session, unless the tab has got another one in the meantime. */
client.interceptors.error.use((error, response, request) => {
	const failure = failureOf(error, response);
	const used = request?.headers.get("Authorization")?.replace(/^Bearer /, "");
	if (failure.httpStatus === 401 && ENDINGS.includes(failure.code) && used && used === sessions.current()?.token)
		sessions.end(failure.code as Ending);
	return failure;
});

const throwing = { throwOnError: true } as const;

export async function logIn(email: string, password: string): Promise<string> {
	return (await api.logIn({ ...throwing, body: { email, password } })).data.auth_token;
}

/* Where a link has to be opened first (EMAIL_VERIFICATION=required), it rejects with a Failure that says so. */
export async function register(body: api.Registration): Promise<string> {
	const { data } = await api.register({ ...throwing, body });

	if ("auth_token" in data) return data.auth_token;
	throw new Failure(202, "email_unverified", data.message);
}

/* Revokes TOKEN, also while the page is being left. A token that is already invalid counts as revoked. */
export async function revoke(token: string): Promise<void> {
	try {
		await api.logOut({ ...throwing, auth: token, keepalive: true });
	} catch (error) {
		if (!(error instanceof Failure && error.httpStatus === 401)) throw error;
	}
}

export async function fetchProfile(): Promise<api.User> {
	return (await api.getStatus(throwing)).data.data;
}

export async function changePassword(body: api.PasswordChange): Promise<void> {
	await api.changePassword({ ...throwing, body });
}

export async function forgotPassword(email: string): Promise<void> {
	await api.forgotPassword({ ...throwing, body: { email } });
}

export async function resetPassword(body: api.PasswordReset): Promise<void> {
	await api.resetPassword({ ...throwing, body });
}

export interface UserPage {
	users: (api.User | api.UserName)[];
	next: number | null; // for `after`
}

export async function fetchUsers(after: number): Promise<UserPage> {
	const { data, response } = await api.listUsers({ ...throwing, query: { limit: 50, after } });
	const users = data.data.users;
	return { users, next: response.headers.has("Link") ? (users.at(-1)?.id ?? null) : null };
}

export async function addUser(body: api.Registration): Promise<string> {
	return (await api.addUser({ ...throwing, body })).data.message;
}

export async function changeUser(id: number, body: api.UserChange): Promise<api.User> {
	return (await api.changeUser({ ...throwing, path: { id }, body })).data.data;
}

export async function deleteUser(id: number): Promise<void> {
	await api.deleteUser({ ...throwing, path: { id } });
}

export async function fetchKinds(): Promise<api.KindLimit[]> {
	return (await api.listKinds(throwing)).data.data.kinds;
}

export async function submitValue(kind: api.Kind, index: number): Promise<api.Submitted> {
	return (await api.submitValue({ ...throwing, body: { kind, index } })).data;
}

/* Puts a failed calculation back. Resolves to its state from then on. */
export async function retryValue(kind: api.Kind, index: number): Promise<api.ValueRetried["data"]> {
	return (await api.retryValue({ ...throwing, path: { kind, index } })).data.data;
}

export interface ValuePage {
	values: api.Value[];
	next: string | null; // for `after`
}

export async function fetchValues(after: string | null): Promise<ValuePage> {
	const { data, response } = await api.listValues({ ...throwing, query: { limit: 50, ...(after ? { after } : {}) } });
	const values = data.data.values;
	return { values, next: response.headers.has("Link") ? (values.at(-1)?.id ?? null) : null };
}

/* Resolves to null while the result is being calculated. */
export async function fetchResult(kind: api.Kind, index: number): Promise<api.ValueResult["data"] | null> {
	const { data } = await api.getValue({ ...throwing, path: { kind, index } });
	return typeof data === "object" && "result" in data.data ? data.data : null;
}

export async function fetchHealth(): Promise<api.Health> {
	return (await api.getHealth(throwing)).data.data;
}
