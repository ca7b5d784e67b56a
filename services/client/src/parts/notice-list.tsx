import { useEffect, useState, useSyncExternalStore } from "react";
import { current, dismiss, hasDialog, type Notice, subscribe } from "./notices";

const CLEARS_AFTER_MS = 3000;

const CLASSES = { success: "notification is-success", warning: "notification is-warning", danger: "notification is-danger" };

/* It stays while the pointer is over it or the focus is in it. */
function NoticeBox({ notice }: { notice: Notice }) {
	const [isHeld, setHeld] = useState(false);
	const clears = notice.tone !== "danger" && !isHeld;

	useEffect(() => {
		if (!clears) return;
		const timer = setTimeout(() => dismiss(notice.id), CLEARS_AFTER_MS);
		return () => clearTimeout(timer);
	}, [clears, notice.id]);

	return (
		// biome-ignore lint/a11y/noStaticElementInteractions: it only waits while it is being read
		<div
			className={CLASSES[notice.tone]}
			onMouseEnter={() => setHeld(true)}
			onMouseLeave={() => setHeld(false)}
			onFocus={() => setHeld(true)}
			onBlur={() => setHeld(false)}
		>
			<button type="button" className="delete" aria-label={`Dismiss: ${notice.text}`} onClick={() => dismiss(notice.id)} />
			{notice.text}
		</div>
	);
}

export function NoticeList({ isInDialog = false }: { isInDialog?: boolean }) {
	const notices = useSyncExternalStore(subscribe, current);
	const isCovered = useSyncExternalStore(subscribe, hasDialog) && !isInDialog;
	const errors = notices.filter((notice) => notice.tone === "danger");
	const others = notices.filter((notice) => notice.tone !== "danger");

	if (isCovered) return null;
	return (
		<section className="notices" aria-label="Notifications">
			<div role="alert">
				{errors.map((notice) => (
					<NoticeBox key={notice.id} notice={notice} />
				))}
			</div>
			<div role="status">
				{others.map((notice) => (
					<NoticeBox key={notice.id} notice={notice} />
				))}
			</div>
		</section>
	);
}
