/* The calls that the pages make, based on the client generated from the API's document. Each rejects with a Failure. Those of the account page are
   in accounts.ts, and those of logging in with a passkey alone in passkeys.ts. */
import { createRefresher, isStale } from "../session/refresh";
import { type Ending, readToken, type Session, sessions, type Tokens } from "../session/session";
import { Failure, failureOf } from "./failure";
import * as api from "./generated";
import { client } from "./generated/client.gen";

const REFUSALS: readonly string[] = ["token_expired", "token_invalid"] satisfies Ending[];
const ENDINGS: readonly string[] = [...REFUSALS, "user_inactive" satisfies Ending];
const TIME_LIMIT_MS = 12_000; // nginx gives up after 10 s

function askNow(request: Request): Promise<Response> {
	return fetch(request, { signal: AbortSignal.timeout(TIME_LIMIT_MS) });
}

function tokenOf(request: Request | undefined): string | undefined {
	return request?.headers.get("Authorization")?.replace(/^Bearer /, "");
}

async function codeOf(response: Response): Promise<string> {
	return failureOf(await response.json().catch(() => null), response).code;
}

/* A refused token may only be old: by a clock that is wrong, or because another tab replaced it. Then the call is repeated with the new one. */
async function send(request: Request): Promise<Response> {
	const again = request.clone();
	const used = tokenOf(request);
	const response = await askNow(request);
	if (response.status !== 401 || !used || !REFUSALS.includes(await codeOf(response.clone()))) return response;
	const token = await freshToken(used);
	if (!token || token === used || readToken(token, false)?.id !== readToken(used, false)?.id) return response;
	again.headers.set("Authorization", `Bearer ${token}`);
	return askNow(again);
}

client.setConfig({
	baseUrl: window.location.origin,
	auth: () => freshToken(),
	fetch: send as typeof fetch, // the generated client always gives it a Request
	cache: "no-store",
});

/* A token that the server refuses ends the session, unless the tab has got another one in the meantime. */
client.interceptors.error.use((error, response, request) => {
	const failure = failureOf(error, response);
	const used = tokenOf(request);
	if (failure.httpStatus === 401 && ENDINGS.includes(failure.code) && used && used === sessions.current()?.token)
		sessions.end(failure.code as Ending);
	return failure;
});

export const throwing = { throwOnError: true } as const;

export function confirming(confirmation: string | undefined) {
	return confirmation === undefined ? {} : { "X-Confirmation": confirmation };
}

export function tokensOf({ access_token, refresh_token }: api.SessionTokens): Tokens {
	return { token: access_token, refreshToken: refresh_token };
}

const refresh = async (refreshToken: string | null): Promise<Tokens> =>
	tokensOf((await api.refreshSession({ ...throwing, body: refreshToken ? { refresh_token: refreshToken } : { cookie: true } })).data);

const freshToken = createRefresher(sessions, refresh);

/* The session of a login, or the challenge that has to be answered first. A session that is kept has its refresh token in a cookie. */
export async function logIn(email: string, password: string, keep: boolean): Promise<Tokens | api.Challenge> {
	try {
		return tokensOf((await api.startSession({ ...throwing, body: { email, password, remember: keep, cookie: keep } })).data);
	} catch (error) {
		if (error instanceof Failure && error.code === "second_factor_required") return error.data as api.Challenge;
		throw error;
	}
}

/* What the right answer to a challenge gives: a session, or the value of X-Confirmation. */
export async function answerChallenge(challenge: string, body: api.ChallengeAnswer): Promise<Tokens | { confirmation: string }> {
	const { data } = await api.answerChallenge({ ...throwing, path: { id: challenge }, body });
	return "access_token" in data ? tokensOf(data) : data.data;
}

/* TOKEN is that of a link, which confirms an email address. */
export async function verifyEmail(token: string): Promise<void> {
	await api.verifyEmail({ ...throwing, body: { token } });
}

/* Has a link sent that confirms the caller's address. */
export async function sendEmailLink(): Promise<void> {
	await api.sendEmailLink(throwing);
}

/* Has a code sent by message, which answers the challenge. */
export async function sendCode(challenge: string): Promise<void> {
	await api.sendCode({ ...throwing, path: { id: challenge } });
}

/* Registers, and logs in. The token of the registration has no session: it is for when that login fails. Where a link has to be opened first
 * (EMAIL_VERIFICATION=required), it rejects with a Failure that says so. */
export async function register(body: api.Registration): Promise<Tokens> {
	const { data } = await api.register({ ...throwing, body });
	if (!("auth_token" in data)) throw new Failure(202, "email_unverified", data.message);
	const tokens = await logIn(body.email, body.password, false).catch(() => null);
	return tokens && "token" in tokens ? tokens : { token: data.auth_token };
}

/* Ends a session on the server, also while the page is being left. One that has ended already counts as ended. */
export async function revoke(session: Session): Promise<void> {
	const end = (token: string) => api.endSession({ ...throwing, auth: token, keepalive: true });
	/* The cookie may be of a session that began since. */
	const endAfresh = async () => {
		const { token } = await refresh(session.refreshToken);
		if (readToken(token, session.isKept)?.id === session.id) await end(token);
	};
	try {
		if (isStale(session)) await endAfresh();
		else
			await end(session.token).catch((error) => {
				if (session.canRefresh && error instanceof Failure && error.code === "token_expired") return endAfresh();
				throw error;
			});
	} catch (error) {
		if (!(error instanceof Failure && error.httpStatus === 401)) throw error;
	}
}

export async function fetchProfile(): Promise<api.User> {
	return (await api.getStatus(throwing)).data.data;
}

export async function forgotPassword(email: string): Promise<void> {
	await api.forgotPassword({ ...throwing, body: { email } });
}

export async function resetPassword(body: api.PasswordReset): Promise<void> {
	await api.resetPassword({ ...throwing, body });
}

export interface UserPage {
	users: (api.User | api.UserName)[];
	next: string | null; // for `after`
}

/* A page of the users that match QUERY. It may have none although there is a next one. */
export async function fetchUsers(query: NonNullable<api.ListUsersData["query"]>): Promise<UserPage> {
	const { data, response } = await api.listUsers({ ...throwing, query: { limit: 50, ...query } });
	return { users: data.data.users, next: afterOf(response) };
}

export async function addUser(body: api.Registration): Promise<string> {
	return (await api.addUser({ ...throwing, body })).data.message;
}

/* Sends a link for a new password. */
export async function resetUser(id: number, confirmation?: string): Promise<void> {
	await api.resetUser({ ...throwing, headers: confirming(confirmation), path: { id } });
}

export async function endSessionsOfUser(id: number, confirmation?: string): Promise<void> {
	await api.endSessionsOfUser({ ...throwing, headers: confirming(confirmation), path: { id } });
}

export async function changeUser(id: number, body: api.UserChange, confirmation?: string): Promise<api.User> {
	return (await api.changeUser({ ...throwing, headers: confirming(confirmation), path: { id }, body })).data.data;
}

export async function deleteUser(id: number, confirmation?: string): Promise<void> {
	await api.deleteUser({ ...throwing, headers: confirming(confirmation), path: { id } });
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

type ValueQuery = NonNullable<api.ListValuesData["query"]>;

/* The parameter `after` of the next page, from the reply's Link: a page may have no value although there is a next one. */
export function afterOf(response: Response): string | null {
	const address = /<([^>]*)>/.exec(response.headers.get("Link") ?? "")?.[1];
	return address === undefined ? null : new URLSearchParams(address.slice(address.indexOf("?") + 1)).get("after");
}

const FIRST_PAGE = 50; // small, because the list waits for it
export const LARGEST_PAGE = 200;

/* Pages of the values that match QUERY, or of all. */
export async function fetchValues(after: string | null, query: ValueQuery | null = null): Promise<ValuePage> {
	const limit = after ? LARGEST_PAGE : FIRST_PAGE;
	const { data, response } = await api.listValues({ ...throwing, query: { limit, ...query, ...(after ? { after } : {}) } });
	return { values: data.data.values, next: afterOf(response) };
}

export async function fetchAllValues(query: ValueQuery | null): Promise<api.Value[]> {
	const all: api.Value[] = [];
	let after: string | null = null;
	do {
		const page: ValuePage = await fetchValues(after, { ...query, limit: LARGEST_PAGE });
		all.push(...page.values);
		after = page.next;
	} while (after);
	return all;
}

/* What is not there any more counts as deleted. */
export async function deleteValue(id: string): Promise<void> {
	try {
		await api.deleteValue({ ...throwing, path: { id } });
	} catch (error) {
		if (!(error instanceof Failure && error.httpStatus === 404)) throw error;
	}
}

/* Resolves to how many there were. */
export async function deleteAllValues(): Promise<number> {
	let count = 0;
	for (let more = true; more; ) {
		const { deleted, more: isMore } = (await api.deleteValues(throwing)).data.data;
		count += deleted;
		more = isMore && deleted > 0;
	}
	return count;
}

/* Resolves to null while the result is being calculated. */
export async function fetchResult(kind: api.Kind, index: number): Promise<api.ValueResult["data"] | null> {
	const { data } = await api.getValue({ ...throwing, path: { kind, index } });
	return typeof data === "object" && "result" in data.data ? data.data : null;
}

export async function fetchHealth(): Promise<api.Health> {
	return (await api.getHealth(throwing)).data.data;
}
