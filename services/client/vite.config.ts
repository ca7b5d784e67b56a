import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import react from "@vitejs/plugin-react";
import { PurgeCSS } from "purgecss";
import type { Plugin } from "vite";
import { defineConfig } from "vitest/config";

const styles = () =>
	readdirSync("src/style")
		.map((name) => readFileSync(join("src/style", name), "utf8"))
		.join("\n");

// Class names are in string literals and element names in tags; words of the text are neither, and Bulma has classes named like many of them.
function namesIn(source: string): string[] {
	const literals = source.match(/"[^"\n]*"|`[^`]*`/g) ?? [];
	const elements = source.match(/<[a-z][a-z0-9]*/g) ?? [];

	return [...literals, ...elements].flatMap((text) => text.match(/[A-Za-z][\w-]*/g) ?? []);
}

// Coloured variants of parts that have one colour here; PurgeCSS keeps them, because each part of their selectors is used somewhere.
const UNUSED = /^\.(navbar|table|input|control|select)\S*\.is-(primary|success|warning|danger)/;

// Bulma's colours for the system's theme; theme.js always says which one counts, so those for [data-theme] suffice.
const OF_SYSTEM = /@media \(prefers-color-scheme: \w+\) \{\s*:root \{[^}]*\}\s*\}/g;

function withoutUnused(css: string): string {
	return css
		.replace(OF_SYSTEM, "")
		.replace(/([^{};]+)\{[^{}]*\}/g, (rule, selectors: string) =>
			selectors.split(",").every((one) => UNUSED.test(one.trim())) ? "" : rule,
		);
}

// Keeps only the parts of Bulma that the pages use: 45 kB of 680. Sources write class names out in full, so that this finds them.
function purgedBulma(): Plugin {
	return {
		name: "purged-bulma",
		enforce: "pre",
		apply: "build",
		async transform(code, id) {
			if (!id.includes("bulma/css/bulma")) return null;
			const variables = styles().match(/--bulma-[a-z0-9-]+/g) ?? [];
			const [purged] = await new PurgeCSS().purge({
				content: ["index.html", "src/**/*.tsx", { raw: '"data-theme" "light" "dark"', extension: "tsx" }],
				css: [{ raw: withoutUnused(code) }],
				defaultExtractor: namesIn,
				variables: true,
				keyframes: true,
				fontFace: true,
				safelist: { standard: ["html", "body"], variables },
			});
			return { code: purged?.css ?? code, map: null };
		},
	};
}

// Unused react-router components would stay in the bundle, because the bundler cannot know that wrapping and naming them has no side effect.
function leanRouter(): Plugin {
	return {
		name: "lean-router",
		enforce: "pre",
		apply: "build",
		transform(code, id) {
			if (!id.includes("/react-router/dist/")) return null;
			return {
				code: code.replace(/^\w+\.displayName = .*;$/gm, "").replace(/= (React\d*\.(forwardRef|memo)\()/g, "= /* @__PURE__ */ $1"),
				map: null,
			};
		},
	};
}

// ---- the dev server ----

const backend = process.env.BACKEND ?? "http://localhost:8080";

// Names by which a browser may come, beside localhost and addresses: that of PUBLIC_URL, and the one that nginx gives a request without a Host. A
// page of any other name could have been resolved to this machine by its owner, and would read the sources.
const namesOfThisServer = ["abacus", ...(process.env.PUBLIC_URL ? [new URL(process.env.PUBLIC_URL).hostname] : [])];

export default defineConfig(({ command }) => ({
	plugins: [purgedBulma(), leanRouter(), react()],
	// Vite's and React's scripts and styles for development are inline; nginx's policy there allows those with this nonce (services/nginx/Dockerfile-dev).
	html: command === "serve" ? { cspNonce: "development" } : {},
	build: {
		target: "es2023",
		cssTarget: ["chrome123", "firefox120", "safari17.5"], // the first with light-dark()
		manifest: "manifest.json",
		assetsInlineLimit: 0, // the Content-Security-Policy forbids data: URLs
		modulePreload: { polyfill: false },
		rolldownOptions: {
			// Libraries get a chunk of their own, which stays in the visitors' caches until one of them is updated.
			output: {
				codeSplitting: { groups: [{ name: "libraries", test: /node_modules\/(react|react-dom|react-router|scheduler|@tanstack)\// }] },
			},
		},
	},
	server: {
		allowedHosts: namesOfThisServer,
		cors: false, // nginx decides about other origins
		ws: { path: "/@vite/hmr" }, // the one path whose upgrade nginx passes on (nginx/client-develop.conf)
		warmup: { clientFiles: ["src/main.tsx"] },
		// Many editors empty a file and then write it. Without this, Vite may read it in between and serve it empty until the next edit, because its
		// watcher drops a change that follows another within 50 ms.
		watch: { awaitWriteFinish: { stabilityThreshold: 200, pollInterval: 20 } },
		fs: { allow: [".", "../theme"] },
		proxy: { "/api": { target: backend, ws: true }, "/auth": backend, "/users": backend, "/status/": backend, "/swagger": backend },
	},
	test: {
		environment: "jsdom",
		setupFiles: ["tests/setup.ts"],
		include: ["tests/**/*.test.{ts,tsx}"],
		restoreMocks: true,
		testTimeout: 60_000,
	},
}));
