/* Messages to the user. Those that tell of an error stay until dismissed; the others clear by themselves (parts/notice-list.tsx). */
export type Tone = "success" | "warning" | "danger";

export interface Notice {
	id: number;
	tone: Tone;
	text: string;
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

export function notify(tone: Tone, text: string): void {
	const others = notices.filter((notice) => notice.text !== text);
	become([...others, { id: ++lastId, tone, text }].slice(-MOST));
}

/* A modal dialog makes all but itself out of reach, so while one is open it has the notices in it. Returns what ends that. */
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

/* What an earlier attempt said is no longer true once the next one is made. */
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
