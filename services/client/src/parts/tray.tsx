import { useSyncExternalStore } from "react";
import { NoticeList } from "./notice-list";
import { hasDialog, subscribe } from "./notices";
import { TroubleBanner } from "./trouble-banner";

/* What is reported to the user, at the bottom of the window. Under a modal dialog nothing can be reached, so each dialog has a tray of its own. */
export function Tray({ isInDialog = false }: { isInDialog?: boolean }) {
	const isCovered = useSyncExternalStore(subscribe, hasDialog) && !isInDialog;

	if (isCovered) return null;
	return (
		<div className="tray">
			<NoticeList />
			<TroubleBanner />
		</div>
	);
}
