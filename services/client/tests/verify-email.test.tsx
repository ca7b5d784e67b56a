import { QueryClientProvider } from "@tanstack/react-query";
import { render, screen, within } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { MemoryRouter, useNavigate } from "react-router";
import { expect, it } from "vitest";
import VerifyEmail from "../src/pages/verify-email";
import { createQueryClient } from "../src/query-client";
import { answer, askedFor, failure } from "./server";
import { show } from "./show";

const VERIFY = "POST /auth/email/verify";

it("opening the link sends nothing, and its token is sent when the user confirms", async () => {
	answer(VERIFY, 200, { status: "success", message: "Your email address is confirmed." });
	const hands = show("/verify#a-token");
	const button = await screen.findByRole("button", { name: "Confirm" });
	expect(askedFor(VERIFY)).toEqual([]);
	await hands.dblClick(button);
	await screen.findByText("Your email address is confirmed.");
	expect(askedFor(VERIFY).map((one) => [one.body, one.authorization])).toEqual([[{ token: "a-token" }, null]]);
	await hands.click(within(screen.getByRole("main")).getByRole("link", { name: "Log in" }));
	await screen.findByRole("heading", { level: 1, name: "Log in" });
});

it("a link that is not good any more says so, and a user who is logged in has a new one sent", async () => {
	answer(VERIFY, 400, failure("link_invalid", "This link is not valid any more. Please ask for a new one."));
	answer("POST /auth/email", 202, { status: "success", message: "A message with a link is on its way." });
	const hands = show("/verify#a-token", { as: { id: 7 } });
	await hands.click(await screen.findByRole("button", { name: "Confirm" }));
	await screen.findByText("This link is not valid any more. Please ask for a new one.");
	await hands.click(screen.getByRole("button", { name: "Have a new link sent" }));
	await screen.findByText("A message with a link is on its way.");
	expect(askedFor("POST /auth/email")).toHaveLength(1);
	expect(screen.queryByText("This link is not valid any more. Please ask for a new one.")).toBeNull();
});

it("a link without its end is called incomplete, and a visitor is led to the login for a new one", async () => {
	show("/verify");
	await screen.findByText("This link is not complete. Please copy all of it from the message.");
	expect(screen.queryByRole("button", { name: "Confirm" })).toBeNull();
	screen.getByText("to have a new link sent.", { exact: false });
	expect(within(screen.getByRole("main")).getByRole("link", { name: "Log in" })).toBeDefined();
});

function Elsewhere() {
	const navigate = useNavigate();

	return (
		<button type="button" onClick={() => navigate("/verify#another-token")}>
			Another link
		</button>
	);
}

it("another link that is opened in the same tab is still to be confirmed", async () => {
	answer(VERIFY, 200, { status: "success", message: "Your email address is confirmed." });
	const hands = userEvent.setup();
	render(
		<QueryClientProvider client={createQueryClient()}>
			<MemoryRouter initialEntries={["/verify#a-token"]}>
				<VerifyEmail />
				<Elsewhere />
			</MemoryRouter>
		</QueryClientProvider>,
	);
	await hands.click(screen.getByRole("button", { name: "Confirm" }));
	await screen.findByText("Your email address is confirmed.");
	await hands.click(screen.getByRole("button", { name: "Another link" }));
	expect(screen.queryByText("Your email address is confirmed.")).toBeNull();
	await hands.click(screen.getByRole("button", { name: "Confirm" }));
	await screen.findByText("Your email address is confirmed.");
	expect(askedFor(VERIFY).map((one) => one.body)).toEqual([{ token: "a-token" }, { token: "another-token" }]);
});
