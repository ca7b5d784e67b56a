import { QueryClientProvider } from "@tanstack/react-query";
import { render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { expect, it, vi } from "vitest";
import { Dialog } from "../src/parts/dialog";
import { createQueryClient } from "../src/query-client";

function open() {
	const onClose = vi.fn();
	render(
		<QueryClientProvider client={createQueryClient()}>
			<Dialog title="A question" onClose={onClose}>
				<input aria-label="Answer" defaultValue="long" />
			</Dialog>
		</QueryClientProvider>,
	);
	return { hands: userEvent.setup(), onClose, dialog: screen.getByRole("dialog"), field: screen.getByLabelText("Answer") };
}

it("a click beside a dialog closes it", async () => {
	const { hands, onClose, dialog } = open();
	await hands.click(dialog);
	expect(onClose).toHaveBeenCalledOnce();
});

it("a text that is selected from inside to beside a dialog does not close it", async () => {
	const { hands, onClose, dialog, field } = open();
	await hands.pointer([{ keys: "[MouseLeft>]", target: field }, { target: dialog }, { keys: "[/MouseLeft]", target: dialog }]);
	expect(onClose).not.toHaveBeenCalled();
});
