/* Messages to the user. Errors, and what STAYS, are there until they are dismissed; the others clear by themselves (parts/notice-list.tsx). */
export type Tone = "success" | "warning" | "danger";

export interface Notice {
	id: number;
	tone: Tone;
	text: string;
	stays: boolean;
}

const MOST = 4;
let notices: readonly Notice[] = [];
let lastId = 0;
let dialogs = 0;
const listeners = new Set<() => void>();

function become(next: readonly Notice[]) {
	notices = next;
	for (const listener of listeners) listener();
}

export function notify(tone: Tone, text: string, stays = tone === "danger"): void {
	const others = notices.filter((notice) => notice.text !== text);
	become([...others, { id: ++lastId, tone, text, stays }].slice(-MOST));
}

/* While a modal dialog is open nothing else can be reached, so the dialog shows them (parts/tray.tsx). Returns the function that ends this. */
export function openDialog(): () => void {
	dialogs++;
	become(notices);
	return () => {
		dialogs--;
		become(notices);
	};
}

export function hasDialog(): boolean {
	return dialogs > 0;
}

export function dismiss(id: number): void {
	become(notices.filter((notice) => notice.id !== id));
}

/* Called before an attempt, because the errors of the one before are then out of date. */
export function dismissErrors(): void {
	if (notices.some((notice) => notice.tone === "danger")) become(notices.filter((notice) => notice.tone !== "danger"));
}

export function subscribe(listener: () => void): () => void {
	listeners.add(listener);
	return () => listeners.delete(listener);
}

export function current(): readonly Notice[] {
	return notices;
}
