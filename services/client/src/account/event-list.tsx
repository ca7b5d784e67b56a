import type { UseInfiniteQueryResult } from "@tanstack/react-query";
import type { AccountEvent } from "../api/accounts";
import { formatAge, formatTime } from "../values/format";
import type { EventPages } from "./account";
import { nameOfDevice } from "./device";

const NAMES: Record<AccountEvent["event"], string> = {
	login: "Logged in",
	new_device: "A new device logged in",
	logout: "Logged out",
	session_ended: "A session was ended",
	sessions_ended: "All sessions were ended",
	session_misused: "A copy of a session was used, and the session was ended",
	factor_used: "A code or a passkey was accepted",
	passkey_copied: "A copy of a passkey was refused",
	password_confirmed: "Confirmed by the password",
	login_failed: "A login failed",
	factor_awaited: "The password was right, and the second step was asked for",
	code_wrong: "A code or a passkey was wrong",
	password_wrong: "A password was wrong",
	password_forgotten: "A link for a new password was asked for",
	registered: "Registered",
	user_added: "The account was added",
	user_deleted: "The account was deleted",
	user_activated: "The account was activated",
	user_deactivated: "The account was deactivated",
	admin_granted: "Became an admin",
	admin_revoked: "Is no admin any more",
	username_changed: "The username was changed",
	email_changed: "The email address was changed",
	email_change_asked: "Another email address was asked for",
	email_verified: "The email address was confirmed",
	password_changed: "The password was changed",
	password_reset: "The password was set by a link",
	reset_sent: "A link for a new password was sent",
	factor_added: "Two-step login: an app, codes by message or a passkey was added",
	factor_removed: "Two-step login: an app, codes by message or a passkey was removed",
	factors_reset: "Two-step login: all second steps were removed, because a link proved the email address for the first time",
	factor_asked_login: "Two-step login: the second step is asked for at every login",
	factor_asked_sensitive: "Two-step login: the second step is asked for only before sensitive actions",
	recovery_codes_replaced: "The recovery codes were replaced",
	recovery_code_used: "A recovery code was used",
};
const IS_BAD: ReadonlySet<string> = new Set([
	"session_misused",
	"passkey_copied",
	"login_failed",
	"code_wrong",
	"password_wrong",
] satisfies AccountEvent["event"][]);

/* An event of a newer server has no name here. */
export function nameOfEvent(event: string): string {
	return NAMES[event as AccountEvent["event"]] ?? event.replaceAll("_", " ");
}

/* Between whom it was; "" if user USER_ID did it to the own account, or a client did that had not logged in. */
function whoOf({ user, actor }: AccountEvent, userId: number): string {
	if (user !== userId) return `It was the account of user ${user}. `;
	return actor !== null && actor !== userId ? `Admin ${actor} did it. ` : "";
}

function Entry({ event, userId }: { event: AccountEvent; userId: number }) {
	const from = [event.network && `from ${event.network}`, event.user_agent && `with ${nameOfDevice(event.user_agent)}`]
		.filter(Boolean)
		.join(" ");

	return (
		<li>
			<div>
				<b className={IS_BAD.has(event.event) ? "problem" : undefined}>{nameOfEvent(event.event)}</b>
				{event.count > 1 && <span className="flag">{event.count} times</span>}
				<p className="soft">
					{whoOf(event, userId)}
					<time dateTime={event.last_at} title={formatTime(event.last_at)}>
						{formatAge(event.last_at, Date.now())}
					</time>
					{from && `, ${from}`}
				</p>
			</div>
		</li>
	);
}

/* Events of user USER_ID, the last first, and a button for earlier ones. */
export function EventList({ userId, listing }: { userId: number; listing: UseInfiniteQueryResult<EventPages> }) {
	const { data, hasNextPage, fetchNextPage, isFetchingNextPage } = listing;

	return (
		<div aria-busy={!data || isFetchingNextPage}>
			<ul className="rows">
				{data?.pages
					.flatMap(({ events }) => events)
					.map((event) => (
						<Entry key={event.id} event={event} userId={userId} />
					))}
			</ul>
			{hasNextPage && (
				<button type="button" className="button is-fullwidth more" onClick={() => isFetchingNextPage || fetchNextPage()}>
					Show more
				</button>
			)}
		</div>
	);
}
