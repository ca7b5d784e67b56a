import "bulma/css/bulma.css";
import "./style/theme.css";
import "./style/parts.css";
import "./style/pages.css";
import { QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { BrowserRouter } from "react-router";
import { App } from "./app";
import { createQueryClient } from "./query-client";
import { followSessions } from "./session/follow";

/* After a deployment the chunks of the former version are gone: load the page again, once. */
window.addEventListener("vite:preloadError", (event) => {
	if (Date.now() - Number(sessionStorage.getItem("abacus.reloaded") ?? 0) < 10_000) return;
	event.preventDefault();
	sessionStorage.setItem("abacus.reloaded", `${Date.now()}`);
	window.location.reload();
});

const queries = createQueryClient();
followSessions(queries);

const root = document.getElementById("root");
if (root) {
	createRoot(root).render(
		<StrictMode>
			<QueryClientProvider client={queries}>
				<BrowserRouter>
					<App />
				</BrowserRouter>
			</QueryClientProvider>
		</StrictMode>,
	);
}
