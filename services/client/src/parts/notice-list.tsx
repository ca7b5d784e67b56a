import { type FocusEvent, type PointerEvent, useEffect, useState, useSyncExternalStore } from "react";
import { current, dismiss, type Notice, subscribe } from "./notices";

const CLEARS_AFTER_MS = 3000;

const CLASSES = { success: "notification is-success", warning: "notification is-warning", danger: "notification is-danger" };

function useIsVisible(): boolean {
	return useSyncExternalStore(
		(listener) => {
			document.addEventListener("visibilitychange", listener);
			return () => document.removeEventListener("visibilitychange", listener);
		},
		() => document.visibilityState !== "hidden",
	);
}

/* It stays while a mouse is over it, the keyboard's focus is in it, or the tab is hidden. A finger holds nothing: no event ends its touch. */
function NoticeBox({ notice }: { notice: Notice }) {
	const [isHeld, setHeld] = useState(false);
	const isVisible = useIsVisible();
	const clears = !notice.stays && !isHeld && isVisible;

	useEffect(() => {
		if (!clears) return;
		const timer = setTimeout(() => dismiss(notice.id), CLEARS_AFTER_MS);
		return () => clearTimeout(timer);
	}, [clears, notice.id]);

	return (
		// biome-ignore lint/a11y/noStaticElementInteractions: it only waits while it is being read
		<div
			className={CLASSES[notice.tone]}
			onPointerEnter={(event: PointerEvent) => event.pointerType === "mouse" && setHeld(true)}
			onPointerLeave={() => setHeld(false)}
			onFocus={(event: FocusEvent) => event.target.matches(":focus-visible") && setHeld(true)}
			onBlur={() => setHeld(false)}
		>
			<button type="button" className="delete" aria-label={`Dismiss: ${notice.text}`} onClick={() => dismiss(notice.id)} />
			{notice.text}
		</div>
	);
}

export function NoticeList() {
	const notices = useSyncExternalStore(subscribe, current);
	const errors = notices.filter((notice) => notice.tone === "danger");
	const others = notices.filter((notice) => notice.tone !== "danger");

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
