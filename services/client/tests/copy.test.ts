import type { ClipboardEvent } from "react";
import { expect, it, vi } from "vitest";
import { copyWithoutSpaces } from "../src/values/copy";

/* What is copied in place of the selection; null: the selection itself. */
function copied(selected: string): string | null {
	let text: string | null = null;
	const clipboardData = { setData: (_: string, data: string) => (text = data) };
	vi.spyOn(document, "getSelection").mockReturnValue({ toString: () => selected } as Selection);
	copyWithoutSpaces({ clipboardData, preventDefault() {} } as unknown as ClipboardEvent<HTMLElement>);
	return text;
}

it("a number is copied without what stands between its groups and rows", () => {
	expect(["12 345\n678", "12 345…678"].map(copied)).toEqual(["12345678", "12345…678"]);
});

it("a page that is selected as a whole is copied with its spaces", () => {
	expect(copied("Factorial 52\n80 658")).toBeNull();
});
