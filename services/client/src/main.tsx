import "bulma/css/bulma.css";
import "./style/tokens.css";
import "./style/base.css";
import "./style/parts.css";
import "./style/pages.css";
import "./style/instrument.css";
import { QueryClientProvider } from "@tanstack/react-query";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { BrowserRouter } from "react-router";
import { App } from "./app";
import { prefetchChunks } from "./parts/chunks";
import { createQueryClient } from "./query-client";
import { followSessions } from "./session/follow";

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

/* Safari has no requestIdleCallback. */
window.addEventListener("load", () => (window.requestIdleCallback ?? setTimeout)(() => void prefetchChunks()));
