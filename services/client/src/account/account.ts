/* What the parts of the account page share. */
import { type InfiniteData, useMutation, useQueryClient } from "@tanstack/react-query";
import { type EventPage, fetchEvents, fetchFactors, fetchSessions } from "../api/accounts";
import { fetchProfile } from "../api/calls";
import { dismissErrors, notify } from "../parts/notices";
import { report } from "../session/confirm";

export const profileQuery = (userId: number) => ({ queryKey: ["profile", userId], queryFn: fetchProfile });
export const factorsQuery = (userId: number) => ({ queryKey: ["account", userId, "factors"], queryFn: fetchFactors });
export const sessionsQuery = (userId: number) => ({ queryKey: ["account", userId, "sessions"], queryFn: fetchSessions });
export type EventPages = InfiniteData<EventPage>;
export const eventsQuery = (userId: number) => ({
	queryKey: ["account", userId, "events"],
	queryFn: ({ pageParam }: { pageParam: number }) => fetchEvents(pageParam),
	initialPageParam: 0,
	getNextPageParam: (page: EventPage) => page.next,
});

/* Runs ACTION, shows the text that it resolves to, and fetches the account again, even after a failure: another tab may have changed it. If the
   focus is lost with what was removed, the heading TITLE_ID gets it. Buttons stay enabled meanwhile, because a disabled one loses the focus. */
export function useAccountAction<T = void>(titleId: string, action: (arg: T) => Promise<string>) {
	const queries = useQueryClient();
	const running = useMutation({
		mutationFn: action,
		onMutate: dismissErrors,
		onSuccess: (text) => text && notify("success", text),
		onError: report,
		async onSettled() {
			await queries.invalidateQueries({ queryKey: ["account"] });
			setTimeout(() => document.activeElement === document.body && document.getElementById(titleId)?.focus());
		},
	});

	return { ...running, run: (arg: T) => running.isPending || running.mutate(arg) };
}

const day = new Intl.DateTimeFormat("en-GB", { dateStyle: "medium" });

export function formatDay(time: string): string {
	return day.format(new Date(time));
}
