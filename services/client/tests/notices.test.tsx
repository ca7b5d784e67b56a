import { act, fireEvent, render, screen } from "@testing-library/react";
import { beforeEach, expect, it, vi } from "vitest";
import { NoticeList } from "../src/parts/notice-list";
import { dismissErrors, notify } from "../src/parts/notices";

const pass = (ms: number) => act(() => vi.advanceTimersByTime(ms));

beforeEach(() => {
	vi.useFakeTimers();
	render(<NoticeList />);
});

it.each(["success", "warning"] as const)("a %s notice clears after 3 s", (tone) => {
	act(() => notify(tone, "Welcome!"));
	expect(screen.getByText("Welcome!").className).toBe(`notification is-${tone}`);
	pass(2900);
	screen.getByText("Welcome!");
	pass(200);
	expect(screen.queryByText("Welcome!")).toBeNull();
});

it("an error stays until it is dismissed", () => {
	act(() => notify("danger", "Login failed."));
	pass(60_000);
	const box = screen.getByText("Login failed.");
	expect(box.className).toBe("notification is-danger");
	expect(box.closest("[role=alert]")).not.toBeNull();
	fireEvent.click(screen.getByRole("button", { name: "Dismiss: Login failed." }));
	expect(screen.queryByText("Login failed.")).toBeNull();
});

it("what happened to the account stays too, also when an attempt begins", () => {
	act(() => notify("warning", "Your password was changed.", true));
	act(dismissErrors);
	pass(60_000);
	fireEvent.click(screen.getByRole("button", { name: "Dismiss: Your password was changed." }));
	expect(screen.queryByText("Your password was changed.")).toBeNull();
});

it("a finger holds no notice", () => {
	act(() => notify("success", "Welcome!"));
	fireEvent.pointerEnter(screen.getByText("Welcome!"), { pointerType: "touch" });
	pass(3100);
	expect(screen.queryByText("Welcome!")).toBeNull();
});

it("a notice waits while the tab is hidden", () => {
	const visibility = vi.spyOn(document, "visibilityState", "get").mockReturnValue("hidden");
	act(() => notify("success", "Welcome!"));
	pass(60_000);
	screen.getByText("Welcome!");
	visibility.mockReturnValue("visible");
	act(() => document.dispatchEvent(new Event("visibilitychange")));
	pass(2900);
	screen.getByText("Welcome!");
	pass(200);
	expect(screen.queryByText("Welcome!")).toBeNull();
});

it("a notice stays while a mouse is over it", () => {
	act(() => notify("success", "Welcome!"));
	fireEvent.pointerEnter(screen.getByText("Welcome!"), { pointerType: "mouse" });
	pass(10_000);
	fireEvent.pointerLeave(screen.getByText("Welcome!"), { pointerType: "mouse" });
	pass(3100);
	expect(screen.queryByText("Welcome!")).toBeNull();
});

it("a repeated notice is shown once, and at most four are shown", () => {
	act(() => notify("danger", "Again."));
	act(() => notify("danger", "Again."));
	expect(screen.getAllByText("Again.")).toHaveLength(1);
	for (let i = 0; i < 9; i++) act(() => notify("danger", `Problem ${i}.`));
	expect(document.querySelectorAll(".notification")).toHaveLength(4);
});
