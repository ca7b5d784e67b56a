import { render, screen, waitFor } from "@testing-library/react";
import { expect, it, vi } from "vitest";
import { ErrorBoundary } from "../src/parts/error-boundary";
import { answer, failure } from "./server";
import { show } from "./show";

it("an unknown path leads to a page that says so", async () => {
	show("/no/such/page");
	await screen.findByRole("heading", { level: 1, name: "There is no such page" });
	screen.getByText("/no/such/page");
	await waitFor(() => expect(document.title).toBe("Not Found · Abacus"));
});

it.each(["/about", "/status", "/all-users", "/reset#a-token", "/no/such/page"])(
	"a user who is logged in can log out at %s",
	async (path) => {
		show(path, { as: { id: 7 } });
		await screen.findByRole("heading", { level: 1 });
		screen.getByRole("button", { name: "Log out" });
	},
);

it("the burger opens the menu, and Escape closes it", async () => {
	const hands = show("/about");
	const burger = await screen.findByRole("button", { name: "Menu" });
	expect(burger.classList.contains("navbar-burger")).toBe(true);
	await hands.click(burger);
	expect(burger.getAttribute("aria-expanded")).toBe("true");
	expect(document.querySelector(".navbar-menu")?.classList.contains("is-active")).toBe(true);
	await hands.keyboard("{Escape}");
	expect(burger.getAttribute("aria-expanded")).toBe("false");
});

it("following a link moves the focus to the heading of the new page", async () => {
	const hands = show("/about");
	await screen.findByRole("heading", { level: 1, name: "About" });
	await hands.click(screen.getByRole("link", { name: "Register" }));
	const heading = await screen.findByRole("heading", { level: 1, name: "Register" });
	await waitFor(() => expect(document.activeElement).toBe(heading));
});

it("the health page has a line for each service, and none for what is not watched", async () => {
	const instance = (name: string, status: string, reason: string | null) => ({ name, instance: `${name}-1`, status, reason });
	answer("GET /api/healthcheck", 200, {
		status: "success",
		data: {
			summary: "values: 1 of 2 down for 14 s",
			services: [instance("users", "up", null), instance("values", "up", null), instance("values", "down", "connection refused")],
			queue: null,
			postgres: { status: "up", reason: null },
			redis: null,
			nginx: null,
			updated_at: null,
		},
	});
	show("/health");
	await screen.findByText("values: 1 of 2 down for 14 s");
	expect([...document.querySelectorAll(".health li")].map((line) => line.textContent)).toEqual([
		"usersup1 of 1 up",
		"valuesdown1 of 2 up: connection refused",
		"postgresupanswers",
	]);
	expect(screen.getByRole("link", { name: "Open the dashboard" }).getAttribute("href")).toBe("/status/");
});

it("the health page says that the monitor does not answer", async () => {
	answer("GET /api/healthcheck", 503, failure("unavailable", "Temporarily unavailable. Please try again shortly."));
	show("/health");
	await screen.findByText(/^The monitor does not answer: Temporarily unavailable/);
});

it("a page that throws leaves the rest working, and the next page is rendered", () => {
	vi.spyOn(console, "error").mockImplementation(() => {});
	const Broken = () => {
		throw new Error("It broke.");
	};
	const { rerender } = render(
		<ErrorBoundary resetKey="/a">
			<Broken />
		</ErrorBoundary>,
	);
	expect(screen.getByRole("alert").textContent).toContain("It broke.");
	rerender(
		<ErrorBoundary resetKey="/b">
			<p>All is well</p>
		</ErrorBoundary>,
	);
	screen.getByText("All is well");
});
