/* Renders the whole client at a path, logged in as a user or logged out. */
import { QueryClientProvider } from "@tanstack/react-query";
import { render } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { MemoryRouter } from "react-router";
import { onTestFinished } from "vitest";
import { App } from "../src/app";
import { createQueryClient } from "../src/query-client";
import { followSessions } from "../src/session/follow";
import { sessions } from "../src/session/session";
import { token } from "./server";

export function show(path: string, { as }: { as?: { id: number; admin?: boolean } } = {}) {
	const queries = createQueryClient();

	onTestFinished(followSessions(queries));
	if (as) sessions.start(token(as), false);
	render(
		<QueryClientProvider client={queries}>
			<MemoryRouter initialEntries={[path]}>
				<App />
			</MemoryRouter>
		</QueryClientProvider>,
	);
	return userEvent.setup();
}
