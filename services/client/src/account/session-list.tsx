import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { endOtherSessions, endSession, type SessionEntry } from "../api/accounts";
import { confirmed } from "../session/confirm";
import { type Session, sessions } from "../session/session";
import { formatAge } from "../values/format";
import { formatDay, sessionsQuery, useAccountAction } from "./account";
import { nameOfDevice } from "./device";

const TITLE = "sessions-title";
const SHOWN_AT_FIRST = 5;

function Entry({ entry }: { entry: SessionEntry }) {
	const name = nameOfDevice(entry.user_agent);
	const ending = useAccountAction(TITLE, async () => {
		await endSession(entry.id);
		return `${name} is logged out.`;
	});

	return (
		<li data-session={entry.id}>
			<div>
				<b>{name}</b>
				{entry.current && <span className="flag is-on">this one</span>}
				<p className="soft">
					Last used {formatAge(entry.last_used_at, Date.now())} from {entry.address}. Logged in on {formatDay(entry.created_at)}
					{entry.remember && ", and kept"}.
				</p>
			</div>
			{!entry.current && (
				<button type="button" className="button is-small" onClick={() => ending.run()}>
					End <span className="is-sr-only">{name}</span>
				</button>
			)}
		</li>
	);
}

/* Where the user is logged in. */
export function SessionList({ session }: { session: Session }) {
	const { data } = useQuery(sessionsQuery(session.userId));
	const entries = data?.toSorted((one, other) => Number(other.current) - Number(one.current));
	const [isWhole, setWhole] = useState(false);
	const shown = isWhole ? entries : entries?.slice(0, SHOWN_AT_FIRST);
	const others = entries?.filter((entry) => !entry.current) ?? [];
	const ending = useAccountAction(TITLE, async () => {
		const what = { parameters: {}, title: "Confirm that it is you", button: "End all others" };
		sessions.renew(await confirmed({ action: "end_other_sessions", ...what }, endOtherSessions));
		return "You are logged out everywhere else.";
	});

	return (
		<section className="sheet" aria-labelledby={TITLE} aria-busy={!entries}>
			<div className="sheet-head">
				<h2 id={TITLE} tabIndex={-1}>
					Where you are logged in
				</h2>
				{others.length > 0 && (
					<button type="button" className="button is-small" onClick={() => ending.run()}>
						End all others
					</button>
				)}
			</div>
			<ul className="rows">
				{shown?.map((entry) => (
					<Entry key={entry.id} entry={entry} />
				))}
			</ul>
			{entries && shown && shown.length < entries.length && (
				<button type="button" className="button is-fullwidth more" onClick={() => setWhole(true)}>
					Show all {entries.length}
				</button>
			)}
		</section>
	);
}
