import type { ClipboardEvent } from "react";

/* Returns whether the text was copied. navigator.clipboard exists only on https and localhost. */
export async function copyText(text: string): Promise<boolean> {
	try {
		await navigator.clipboard.writeText(text);
		return true;
	} catch {
		return copyBySelection(text);
	}
}

/* For onCopy: what stands between the groups of a number is not part of it. If more than the number is selected, such as the whole page, it stays. */
export function copyWithoutSpaces(event: ClipboardEvent<HTMLElement>): void {
	const text = `${document.getSelection() ?? ""}`.replace(/\s/g, "");

	if (!/^[0-9…]*$/.test(text)) return;
	event.clipboardData.setData("text/plain", text);
	event.preventDefault();
}

/* execCommand needs the text selected in a focused field, inside the open dialog if there is one. */
function copyBySelection(text: string): boolean {
	const field = document.createElement("textarea");
	const before = document.activeElement;

	field.className = "is-sr-only";
	field.value = text;
	(document.querySelector("dialog[open]") ?? document.body).append(field);
	field.select();
	const worked = document.execCommand("copy");
	field.remove();
	if (before instanceof HTMLElement) before.focus();
	return worked;
}

export function downloadText(name: string, text: string): void {
	const url = URL.createObjectURL(new Blob([text], { type: "text/plain" }));
	const link = document.createElement("a");

	link.href = url;
	link.download = name;
	link.click();
	setTimeout(() => URL.revokeObjectURL(url), 10_000);
}
