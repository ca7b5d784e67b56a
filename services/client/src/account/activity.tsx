import { useInfiniteQuery } from "@tanstack/react-query";
import type { Session } from "../session/session";
import { eventsQuery } from "./account";
import { EventList } from "./event-list";

const TITLE = "activity-title";

/* What happened to the account, and what the user did to others. */
export function Activity({ session }: { session: Session }) {
	const listing = useInfiniteQuery(eventsQuery(session.userId));

	return (
		<section className="sheet" aria-labelledby={TITLE}>
			<h2 id={TITLE} className="sheet-title">
				What happened with your account
			</h2>
			<p className="block soft">If something here was not you, change your password.</p>
			<EventList userId={session.userId} listing={listing} />
		</section>
	);
}
