/* The sessions of this tab and of the browser's other tabs.
 *
 * A token is kept in sessionStorage: it survives a reload, and a new tab starts logged out. With "Keep me logged in on this browser" it is kept
 * in localStorage, which all tabs share, even after the browser was closed. Logging out in one tab logs out every tab: by a message on a
 * BroadcastChannel or, in browsers without one, by a key of localStorage, whose change the other tabs get as an event. */

export type Ending = "logged_out" | "logged_out_elsewhere" | "token_expired" | "token_invalid" | "user_inactive" | "password_changed";

export interface Session {
	token: string;
	tokenId: string; // claim jti
	userId: number;
	isAdmin: boolean;
	isKept: boolean;
}

interface LogoutMessage {
	type: "logout";
	tokenId: string;
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
	start(token: string, keep: boolean): void;
	/* Ends this tab's session alone. */
	end(why: Ending): void;
	/* Ends the sessions of all tabs. */
	endEverywhere(why: Ending): void;
	/* LISTENER is called after a session has ended, with that session and whether its token is still to be revoked. */
	onEnd(listener: EndListener): () => void;
}

export type EndListener = (why: Ending, ended: Session, wantsRevoking: boolean) => void;

const TOKEN_KEY = "abacus.token";
const LOGOUT_KEY = "abacus.logout";

/* Reads the claims of a token for display only: the server alone decides whether it is valid. Returns null if it is not a token. */
export function readToken(token: string, isKept: boolean): Session | null {
	try {
		const payload = (token.split(".")[1] ?? "").replace(/-/g, "+").replace(/_/g, "/");
		const claims = JSON.parse(atob(payload));
		return { token, tokenId: String(claims.jti), userId: Number(claims.sub), isAdmin: claims.adm === true, isKept };
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
	const kept = guarded(() => browser?.getItem(TOKEN_KEY));

	return (own && readToken(own, false)) || (kept && readToken(kept, true)) || null;
}

export function createSessions(around: Surroundings): Sessions {
	let session = stored(around);
	const listeners = new Set<() => void>();
	const endListeners = new Set<EndListener>();

	function become(next: Session | null) {
		session = next;
		for (const listener of listeners) listener();
	}

	/* REVOKED_ID: the token that the tab which logged out revokes; a tab with another token has to revoke its own. */
	function end(why: Ending, revokedId?: string) {
		const ended = session;
		if (!ended) return;
		guarded(() => around.tab?.removeItem(TOKEN_KEY));
		if (guarded(() => around.browser?.getItem(TOKEN_KEY)) === ended.token) guarded(() => around.browser?.removeItem(TOKEN_KEY));
		become(null);
		for (const listener of endListeners) listener(why, ended, revokedId !== undefined && revokedId !== ended.tokenId);
	}

	around.channel?.addEventListener("message", (event) => {
		const message = (event as MessageEvent<LogoutMessage>).data;
		if (message.type === "logout") end("logged_out_elsewhere", message.tokenId);
	});

	around.events.addEventListener("storage", (event) => {
		if (event.key === LOGOUT_KEY && event.newValue) end("logged_out_elsewhere", event.newValue.split(" ")[0]);
		if (event.key !== TOKEN_KEY) return;
		/* Another tab started a kept session, or replaced the token that both use. */
		if (event.newValue && (!session || session.isKept)) become(readToken(event.newValue, true));
		else if (!event.newValue && session?.isKept) end("logged_out_elsewhere");
	});

	return {
		current: () => session,
		subscribe(listener) {
			listeners.add(listener);
			return () => listeners.delete(listener);
		},
		start(token, keep) {
			guarded(() => (keep ? around.tab : around.browser)?.removeItem(TOKEN_KEY));
			guarded(() => (keep ? around.browser : around.tab)?.setItem(TOKEN_KEY, token));
			become(readToken(token, keep));
		},
		end: (why) => end(why),
		endEverywhere(why) {
			const tokenId = session?.tokenId ?? "";
			guarded(() => around.browser?.removeItem(TOKEN_KEY));
			end(why);
			if (around.channel) around.channel.postMessage({ type: "logout", tokenId } satisfies LogoutMessage);
			else guarded(() => around.browser?.setItem(LOGOUT_KEY, `${tokenId} ${Date.now()}`));
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
