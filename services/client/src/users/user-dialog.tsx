import { useInfiniteQuery, useMutation, useQueryClient } from "@tanstack/react-query";
import { EventList } from "../account/event-list";
import { type EventPage, fetchEvents } from "../api/accounts";
import { endSessionsOfUser, resetUser } from "../api/calls";
import type { User } from "../api/generated";
import { Dialog } from "../parts/dialog";
import { dismissErrors, notify } from "../parts/notices";
import { confirmed, report, type Sensitive } from "../session/confirm";

function useAction(user: User, action: Sensitive["action"], call: typeof resetUser, button: string, done: string) {
	const queries = useQueryClient();
	const what = { parameters: { id: `${user.id}` }, title: "Confirm that it is you", button };

	return useMutation({
		mutationFn: () => confirmed({ action, ...what }, (confirmation) => call(user.id, confirmation)),
		onMutate: dismissErrors,
		onSuccess: () => notify("success", done),
		onError: report,
		onSettled: () => queries.invalidateQueries({ queryKey: ["events", user.id] }),
	});
}

/* What an admin seldom does with a user, and what happened to the user's account. */
export function UserDialog({ user, isOwn, onClose }: { user: User; isOwn: boolean; onClose: () => void }) {
	const resetting = useAction(user, "reset_user", resetUser, "Send", `A link for a new password was sent to ${user.email}.`);
	const ending = useAction(user, "end_user_sessions", endSessionsOfUser, "End", `${user.username} is logged out everywhere.`);
	const listing = useInfiniteQuery({
		queryKey: ["events", user.id],
		queryFn: ({ pageParam }) => fetchEvents(pageParam, user.id),
		initialPageParam: 0,
		getNextPageParam: (page: EventPage) => page.next,
	});

	return (
		<Dialog title={user.username} onClose={onClose}>
			<div className="dialog-body">
				<div className="buttons">
					<button type="button" className="button is-small" onClick={() => resetting.isPending || resetting.mutate()}>
						Send a link for a new password
					</button>
					{!isOwn && (
						<button type="button" className="button is-small" onClick={() => ending.isPending || ending.mutate()}>
							End all sessions
						</button>
					)}
				</div>
				<h3 className="block">What happened</h3>
				<EventList userId={user.id} listing={listing} />
			</div>
		</Dialog>
	);
}
