/* The sessions of this tab and of the browser's other tabs.
 *
 * A session of this tab has both its tokens in sessionStorage: it survives a reload, and a new tab starts logged out. With "Keep me logged in on
 * this browser" the access token, which is good for minutes, is in localStorage, which all tabs share even after the browser was closed, and the
 * refresh token is in a cookie that no script can read (refresh.ts uses either). Logging out in one tab logs out every tab: by a message on a
 * BroadcastChannel, and by a key of localStorage, whose change the other tabs get as an event: some browsers have only one of the two. */

export type Ending =
	| "logged_out"
	| "logged_out_elsewhere"
	| "token_expired"
	| "token_invalid"
	| "session_reused"
	| "user_inactive"
	| "password_changed"
	| "account_deleted";

export interface Session {
	token: string;
	id: string; // claim sid, or claim jti of a token without a session
	issuedAt: number; // of the token: claim iat
	endsAt: number; // of the token, by this computer's clock, in ms
	canRefresh: boolean;
	refreshToken: string | null; // null: there is none, or it is in the cookie
	userId: number;
	isAdmin: boolean;
	isKept: boolean;
}

export interface Tokens {
	token: string;
	refreshToken?: string | undefined; // undefined: the one from before stays good, or it is in the cookie
}

interface LogoutMessage {
	type: "logout";
	id: string;
	at: number;
}

/* To other tabs with the same session: a tab that the browser duplicated has a copy of its sessionStorage. */
interface RenewedMessage extends Tokens {
	type: "renewed";
}

/* What a store of sessions uses of the browser, as an interface so that tests can run two tabs in one process. null: the browser forbids it. */
export interface Surroundings {
	tab: Storage | null;
	browser: Storage | null;
	channel: Pick<BroadcastChannel, "postMessage" | "addEventListener"> | null;
	events: Pick<Window, "addEventListener">;
}

export interface Sessions {
	current(): Session | null;
	subscribe(listener: () => void): () => void;
	start(token: string, keep: boolean, refreshToken?: string): void;
	/* Replaces the tokens of the session that goes on, in all tabs that have it. Those of a session that is not this tab's any more are ignored. */
	renew(tokens: Tokens): void;
	/* Takes over what another tab has stored, because the browser may not have reported it yet. */
	reread(): void;
	/* Ends this tab's session alone. */
	end(why: Ending): void;
	/* Ends the sessions of all tabs. */
	endEverywhere(why: Ending): void;
	/* LISTENER is called after a session has ended, with that session and whether its token is still to be revoked. */
	onEnd(listener: EndListener): () => void;
}

export type EndListener = (why: Ending, ended: Session, wantsRevoking: boolean) => void;

const TOKEN_KEY = "abacus.token";
const REFRESH_KEY = "abacus.refresh";
const LOGOUT_KEY = "abacus.logout";

/* Reads the claims of a token for display only: the server alone decides whether it is valid. Returns null if it is not a token. One that was
   made just now (isNew) ends after its lifetime, whatever this computer's clock says. */
export function readToken(token: string, isKept: boolean, refreshToken: string | null = null, isNew = false): Session | null {
	try {
		const payload = (token.split(".")[1] ?? "").replace(/-/g, "+").replace(/_/g, "/");
		const { sub, jti, sid, adm, exp = Number.POSITIVE_INFINITY, iat = 0 } = JSON.parse(atob(payload));
		return {
			token,
			id: String(sid ?? jti),
			issuedAt: iat,
			endsAt: isNew ? Date.now() + 1000 * (exp - iat) : 1000 * exp,
			canRefresh: sid !== undefined && (isKept || refreshToken !== null),
			refreshToken: isKept ? null : refreshToken,
			userId: Number(sub),
			isAdmin: adm === true,
			isKept,
		};
	} catch {
		return null;
	}
}

/* The browser's settings may forbid storage, even to read window.sessionStorage; then a session lasts as long as the page. */
function guarded<T>(action: () => T): T | null {
	try {
		return action();
	} catch {
		return null;
	}
}

function stored({ tab, browser }: Surroundings): Session | null {
	const own = guarded(() => tab?.getItem(TOKEN_KEY));
	const refreshToken = guarded(() => tab?.getItem(REFRESH_KEY));
	const kept = guarded(() => browser?.getItem(TOKEN_KEY));

	return (own && readToken(own, false, refreshToken)) || (kept && readToken(kept, true)) || null;
}

/* Whether NEXT goes on what SESSION began. A token without a session is replaced by one with another id. */
function isSame(session: Session, next: Session): boolean {
	return session.userId === next.userId && (session.id === next.id || !session.canRefresh);
}

export function createSessions(around: Surroundings): Sessions {
	let session = stored(around);
	const listeners = new Set<() => void>();
	const endListeners = new Set<EndListener>();

	function become(next: Session | null) {
		session = next;
		for (const listener of listeners) listener();
	}

	function put(storage: Storage | null, key: string, text: string | null | undefined) {
		guarded(() => (text ? storage?.setItem(key, text) : storage?.removeItem(key)));
	}

	function keep(next: Session | null) {
		if (!next) return;
		put(next.isKept ? around.browser : around.tab, TOKEN_KEY, next.token);
		put(around.tab, REFRESH_KEY, next.refreshToken);
		become(next);
	}

	function hasKept(one: Session): boolean {
		const token = guarded(() => around.browser?.getItem(TOKEN_KEY));
		return !!token && readToken(token, true)?.id === one.id;
	}

	/* REVOKED_ID: the session that the tab which logged out revokes; a tab with another one has to revoke its own. */
	function end(why: Ending, revokedId?: string) {
		const ended = session;
		if (!ended) return;
		put(around.tab, TOKEN_KEY, null);
		put(around.tab, REFRESH_KEY, null);
		if (hasKept(ended)) put(around.browser, TOKEN_KEY, null);
		become(null);
		for (const listener of endListeners) listener(why, ended, revokedId !== undefined && revokedId !== ended.id);
	}

	function adopt({ token, refreshToken }: Tokens) {
		const next = readToken(token, false, refreshToken, true);
		if (next && session && !session.isKept && session.id === next.id && session.issuedAt <= next.issuedAt) keep(next);
	}

	/* A logout arrives in two ways. The second time it is ignored, because the user may have logged in again. */
	let lastLogout = "";
	function follow(logout: string) {
		if (logout === lastLogout) return;
		lastLogout = logout;
		end("logged_out_elsewhere", logout.split(" ")[0]);
	}

	around.channel?.addEventListener("message", (event) => {
		const message = (event as MessageEvent<LogoutMessage | RenewedMessage>).data;
		if (message.type === "logout") follow(`${message.id} ${message.at}`);
		if (message.type === "renewed") adopt(message);
	});

	around.events.addEventListener("storage", (event) => {
		if (event.key === LOGOUT_KEY && event.newValue) follow(event.newValue);
		if (event.key !== TOKEN_KEY) return;
		/* Another tab started a kept session, or replaced the token that both use. */
		if (event.newValue && (!session || session.isKept)) become(readToken(event.newValue, true, null, true));
		else if (!event.newValue && session?.isKept) end("logged_out_elsewhere");
	});

	return {
		current: () => session,
		subscribe(listener) {
			listeners.add(listener);
			return () => listeners.delete(listener);
		},
		start(token, isKept, refreshToken) {
			put(isKept ? around.tab : around.browser, TOKEN_KEY, null);
			keep(readToken(token, isKept, refreshToken, true));
		},
		renew({ token, refreshToken }) {
			const next = session && readToken(token, session.isKept, refreshToken ?? session.refreshToken, true);
			if (!session || !next || !isSame(session, next)) return;
			keep(next);
			if (session.isKept || !session.canRefresh) return;
			const message: RenewedMessage = { type: "renewed", token, refreshToken: session.refreshToken ?? undefined };
			around.channel?.postMessage(message);
		},
		reread() {
			const token = session?.isKept && guarded(() => around.browser?.getItem(TOKEN_KEY));
			if (token && token !== session?.token) become(readToken(token, true));
		},
		end: (why) => end(why),
		endEverywhere(why) {
			const message: LogoutMessage = { type: "logout", id: session?.id ?? "", at: Date.now() };
			end(why);
			/* Before another session's token goes, because a tab that saw only that would not know that it has to revoke that session. */
			for (const text of [`${message.id} ${message.at}`, null]) put(around.browser, LOGOUT_KEY, text);
			put(around.browser, TOKEN_KEY, null);
			around.channel?.postMessage(message);
		},
		onEnd(listener) {
			endListeners.add(listener);
			return () => endListeners.delete(listener);
		},
	};
}

export const sessions = createSessions({
	tab: guarded(() => window.sessionStorage),
	browser: guarded(() => window.localStorage),
	channel: guarded(() => new BroadcastChannel("abacus")),
	events: window,
});
